// The work directory: cleaning what an interrupted mount left, probing what upper can do, temporary names.
#include <sys/xattr.h>

#include "adapters/userspace/userlay/core.h"

namespace userlay {
namespace {

// "work/incompat" must be empty.
Result<void> clean_contents(const At& directory, const std::string& name, int level) {
  auto fd = sys::open_at(directory.fd(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (!fd) return forward(fd);
  const At here{share(std::move(*fd)), ""};
  auto entries = sys::read_directory(here);
  if (!entries && entries.error() == EACCES && sys::chmod(here, 0700)) entries = sys::read_directory(here);
  if (!entries) return forward(entries);
  for (const auto& entry : *entries) {
    if (level == 2 && name == "incompat") return tl::unexpected(EINVAL);
    auto st = sys::stat(At{here.dir, entry.name});
    if (!st) continue;
    if (auto r = clean_leftover(here, entry.name, S_ISDIR(st->st_mode), level); !r) return r;
  }
  return {};
}

}  // namespace

Result<void> clean_leftover(const At& directory, const std::string& name, bool is_dir, int level) {
  if (!is_dir) return sys::unlink(directory.fd(), name.c_str());
  if (auto r = sys::rmdir(directory.fd(), name.c_str()); r || level > 1) return r;
  if (auto r = clean_contents(directory, name, level + 1); !r) return r;
  return sys::rmdir(directory.fd(), name.c_str());
}

Result<RealPtr> Core::real_at(const At& at, int layer) {
  auto st = sys::stat(at);
  if (!st) return forward(st);
  return std::make_shared<Real>(&fds_, layer, *st);
}

// A fresh, empty "work" below workdir=. When it cannot be made the mount becomes read-only, as in the kernel.
Result<void> Core::make_workdir() {
  const At base{work_base_->pinned, ""};
  const At work{work_base_->pinned, "work"};
  if (auto st = sys::stat(work)) {
    auto cleaned = clean_leftover(base, work.name, S_ISDIR(st->st_mode), 0);
    if (!cleaned && cleaned.error() == EINVAL) return cleaned;
  }
  // Without CAP_DAC_OVERRIDE the kernel's mode 0 would lock ourselves out.
  const mode_t mode = Caller::self().has_cap(CAP_DAC_OVERRIDE) ? 0 : 0700;
  if (!sys::mkdir(work.fd(), work.c_str(), mode)) {
    read_only_ = true;
    return {};
  }
  for (const char* acl : {"system.posix_acl_default", "system.posix_acl_access"}) {
    auto removed = sys::remove_xattr(work, acl);
    if (!removed && removed.error() != ENODATA && removed.error() != EOPNOTSUPP) return removed;
  }
  if (auto r = sys::chmod(work, mode); !r) return r;
  auto real = real_at(work, 0);
  if (!real) return forward(real);
  work_ = *real;
  work_->parent = work_base_;
  work_->name = work.name;
  return probe_upper_features();
}

Result<void> Core::probe_upper_features() {
  auto work = fds_.directory(work_);
  if (!work) return forward(work);
  has_tmpfile_ = sys::open_at((*work)->get(), ".", O_TMPFILE | O_WRONLY, 0).has_value();
  const At at{work_base_->pinned, work_->name};
  if (sys::set_xattr(at, marks_[Mark::kOpaque], "0")) {
    if (auto r = sys::remove_xattr(at, marks_[Mark::kOpaque]); !r) return r;
  } else {
    no_xattr_ = true;
    options_.redirect_dir = RedirectMode::kNoFollow;
    options_.metacopy = options_.index = false;
    if (options_.uuid != UuidMode::kOff) options_.uuid = UuidMode::kNull;
    if (options_.xino == XinoMode::kAuto) options_.xino = XinoMode::kOff;
  }
  return volatile_mount() ? mark_volatile() : Result<void>();
}

// "work/incompat/volatile/dirty" keeps a later mount from trusting data that may never have been synced.
Result<void> Core::mark_volatile() {
  auto fd = sys::open_at(work_base_->pinned->get(), work_->name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
  for (const char* name : {"incompat", "volatile"}) {
    if (!fd) return forward(fd);
    auto made = sys::mkdir(fd->get(), name, 0700);
    if (!made && made.error() != EEXIST) return made;
    fd = sys::open_at(fd->get(), name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  }
  if (!fd) return forward(fd);
  auto dirty = sys::open_at(fd->get(), "dirty", O_CREAT | O_WRONLY | O_NOFOLLOW, 0600);
  if (!dirty) return forward(dirty);
  return {};
}

std::string Core::temp_name() {
  char name[16];
  std::snprintf(name, sizeof name, "#%x", temp_counter_.fetch_add(1) + 1);
  return name;
}

}  // namespace userlay
