// Bringing an overlay up: opening layers, telling file systems apart, refusing what the kernel refuses.
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <bit>

#include "adapters/userspace/userlay/core.h"

namespace userlay {
namespace {

constexpr std::size_t kNodesKept = 8192;
constexpr std::size_t kMostLowers = 500;  // OVL_MAX_STACK

std::size_t fd_budget() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return 64;
  return std::clamp<std::size_t>(limit.rlim_cur / 4, 32, 4096);
}

// Whether the directory or one above it on the same file system is `wanted`.
template <class Predicate>
bool same_or_below(int start, Predicate wanted) {
  auto fd = sys::open_at(start, ".", O_PATH | O_DIRECTORY);
  Identity last;
  dev_t dev = 0;
  while (fd) {
    auto st = sys::stat(fd->get());
    if (!st) return false;
    const Identity here{st->st_dev, st->st_ino};
    if (wanted(here, fd->get())) return true;
    if (here == last || (dev && dev != here.dev)) return false;
    last = here;
    dev = here.dev;
    fd = sys::open_at(fd->get(), "..", O_PATH | O_DIRECTORY);
  }
  return false;
}

bool same_mount(int a, int b) {
  struct statx one {
  }, two{};
  if (::statx(a, "", AT_EMPTY_PATH, STATX_MNT_ID, &one) < 0) return false;
  if (::statx(b, "", AT_EMPTY_PATH, STATX_MNT_ID, &two) < 0) return false;
  return one.stx_mnt_id == two.stx_mnt_id && one.stx_dev_minor == two.stx_dev_minor &&
         one.stx_dev_major == two.stx_dev_major;
}

}  // namespace

Core::Core(Options options)
    : options_(options), marks_(options.userxattr), fds_(fd_budget()), nodes_(kNodesKept) {}

Core::~Core() {
  if (!shared_whiteout_.empty()) {
    // Best effort: the next mount cleans the work directory anyway.
    if (auto work = fds_.directory(work_)) (void)sys::unlink((*work)->get(), shared_whiteout_.c_str());
  }
}

Result<Fd> Core::open_layer(const LayerDir& dir) {
  auto fd = dir.fd >= 0 ? sys::open_at(dir.fd, ".", O_PATH | O_DIRECTORY)
                        : sys::open_at(AT_FDCWD, dir.path.c_str(), O_PATH | O_DIRECTORY);
  // Since 6.x the kernel calls a layer that is no directory an invalid option.
  if (!fd && fd.error() == ENOTDIR) return tl::unexpected(EINVAL);
  return fd;
}

Result<void> Core::add_layer(const LayerDir& dir, bool upper) {
  auto fd = open_layer(dir);
  if (!fd) return forward(fd);
  auto st = sys::stat(fd->get());
  if (!st) return forward(st);
  struct statvfs vfs;
  if (::fstatvfs(fd->get(), &vfs) < 0) return last_error();
  if (upper && (vfs.f_flag & ST_RDONLY)) return tl::unexpected(EINVAL);
  name_max_ = std::max<std::size_t>(name_max_, vfs.f_namemax);

  Layer& layer = upper ? layers_.front() : layers_.emplace_back();
  const int index = upper ? 0 : static_cast<int>(layers_.size()) - 1;
  layer.dev = st->st_dev;
  if (auto readable = sys::open_at(fd->get(), ".", O_RDONLY | O_DIRECTORY))
    layer.readable = std::move(*readable);
  layer.plain = sys::is_plain_fs(fd->get());
  layer.root = std::make_shared<Real>(&fds_, index, *st);
  if (!upper && layer.plain) layer.root->names = std::make_unique<NameSet>();
  layer.root->pinned = share(std::move(*fd));
  if (!layer.readable) return {};
  auto uuid = sys::fs_uuid(layer.readable.get());
  if (!uuid) return {};
  layer.uuid = *uuid;
  auto handle = sys::name_to_handle(At{layer.root->pinned, ""});
  layer.can_decode =
      handle && capable(CAP_DAC_READ_SEARCH) && sys::open_by_handle(layer.readable.get(), *handle);
  return {};
}

Result<void> Core::open_layers(const MountSpec& spec) {
  if (spec.lowers.size() + spec.data_lowers.size() > kMostLowers) return tl::unexpected(EINVAL);
  layers_.emplace_back();
  for (const auto* list : {&spec.lowers, &spec.data_lowers}) {
    for (const LayerDir& dir : *list) {
      if (auto r = add_layer(dir, false); !r) return r;
    }
  }
  data_layers_ = static_cast<int>(spec.data_lowers.size());
  if (spec.upper) {
    if (auto r = add_layer(*spec.upper, true); !r) return r;
  }
  if (spec.upper && spec.work) {
    auto work = open_layer(*spec.work);
    if (!work) return forward(work);
    auto st = sys::stat(work->get());
    if (!st) return forward(st);
    const Real& upper = *layers_[0].root;
    const Identity id{st->st_dev, st->st_ino};
    if (!same_mount(work->get(), upper.pinned->get())) return tl::unexpected(EINVAL);
    const auto is_upper = [&](const Identity& here, int) { return here == upper.id; };
    const auto is_work = [&](const Identity& here, int) { return here == id; };
    if (same_or_below(work->get(), is_upper) || same_or_below(upper.pinned->get(), is_work)) {
      return tl::unexpected(EINVAL);
    }
    work_base_ = std::make_shared<Real>(&fds_, 0, *st);
    work_base_->pinned = share(std::move(*work));
  }
  return {};
}

// ELOOP for layers that are the same or inside one another; with index=on EBUSY for those that are, or are
// inside, upper or work of another overlay.
Result<void> Core::check_overlaps() {
  for (const Layer& layer : layers_) {
    if (layer.root && !traps_.insert(layer.root->id).second) return tl::unexpected(ELOOP);
  }
  if (work_base_ && !traps_.insert(work_base_->id).second) return tl::unexpected(ELOOP);
  if (work_ && !traps_.insert(work_->id).second) return tl::unexpected(ELOOP);
  for (const RealPtr& own : {layers_[0].root, work_base_}) {
    if (!own || !options_.index) continue;
    const auto is_taken = [&](const Identity& here, int fd) { return here != own->id && in_use(fd); };
    if (same_or_below(own->pinned->get(), is_taken)) return tl::unexpected(EBUSY);
  }
  for (std::size_t i = 1; i < layers_.size(); ++i) {
    const Real& root = *layers_[i].root;
    bool taken = false;
    const auto is_other = [&](const Identity& here, int fd) {
      if (here != root.id && traps_.contains(here)) return true;
      taken = taken || (options_.index && in_use(fd));
      return false;
    };
    if (same_or_below(root.pinned->get(), is_other)) return tl::unexpected(ELOOP);
    if (taken) return tl::unexpected(EBUSY);
  }
  return {};
}

bool Core::allow_offline_changes() const {
  return !options_.index && !options_.metacopy && options_.redirect_dir != RedirectMode::kOn &&
         options_.xino != XinoMode::kOn;
}

// Numbers the different file systems, finds ambiguous UUIDs and settles how inode numbers are unified.
Result<void> Core::assign_fsids() {
  const bool has_upper = layers_[0].root != nullptr;
  struct FileSystem {
    dev_t dev;
    sys::Uuid uuid;
    bool lower;
    bool bad;
  };
  std::vector<FileSystem> systems{{has_upper ? layers_[0].dev : 0, layers_[0].uuid, false, false}};
  const auto usable = [&](const sys::Uuid& uuid) {
    if (!options_.nfs_export && !has_upper) return true;
    if (allow_offline_changes() && uuid == sys::Uuid{}) return false;
    for (FileSystem& fs : systems) {
      if (fs.lower && fs.uuid == uuid) {
        fs.bad = true;
        return false;
      }
    }
    return true;
  };
  for (int i = 1; i <= lower_count(); ++i) {
    Layer& layer = layers_[static_cast<std::size_t>(i)];
    const auto known = std::find_if(systems.begin() + (has_upper ? 0 : 1), systems.end(),
                                    [&](const FileSystem& fs) { return fs.dev == layer.dev; });
    layer.fsid = static_cast<int>(known - systems.begin());
    if (known == systems.end()) {
      const bool good = usable(layer.uuid);
      if (!good && options_.xino == XinoMode::kAuto) options_.xino = XinoMode::kOff;
      if (!good) options_.index = options_.nfs_export = false;
      systems.push_back({layer.dev, layer.uuid, false, !good});
    }
    systems[static_cast<std::size_t>(layer.fsid)].lower = true;
  }
  fs_count_ = static_cast<int>(systems.size());
  for (std::size_t i = 1; i < layers_.size(); ++i) {
    Layer& layer = layers_[i];
    if (static_cast<int>(i) > lower_count())
      layer.fsid = fs_count_;
    else
      layer.uuid_usable = layer.fsid == 0 || !systems[static_cast<std::size_t>(layer.fsid)].bad;
  }
  if (fs_count_ - (has_upper ? 0 : 1) == 1) {
    xino_bits_ = 0;
  } else if (options_.xino == XinoMode::kOff && !one_device_) {
    xino_bits_ = -1;
  } else {
    // With 32-bit inode numbers everywhere the kernel takes 32 bits; otherwise just enough for the fsid.
    const bool small =
        std::all_of(layers_.begin() + (has_upper ? 0 : 1), layers_.end(), [](const Layer& layer) {
          auto handle = sys::name_to_handle(At{layer.root->pinned, ""});
          return layer.can_decode && handle && handle->type == 1 && handle->bytes.size() == 8;
        });
    xino_bits_ = small ? 32 : static_cast<int>(std::bit_width(static_cast<unsigned>(fs_count_ - 1))) + 1;
  }
  return {};
}

// A persistent identity of the overlay, as the kernel keeps it in the upper root.
Result<void> Core::set_uuid() {
  if (options_.uuid == UuidMode::kOff && fs_count_ > 1) options_.uuid = UuidMode::kNull;
  if (!layers_[0].root || options_.uuid == UuidMode::kOff || options_.uuid == UuidMode::kNull) return {};
  const At root{layers_[0].root->pinned, ""};
  MarkReader marks(marks_, root);
  auto stored = marks.get(Mark::kUuid);
  if (stored && stored->size() == sizeof(sys::Uuid)) {
    options_.uuid = UuidMode::kOn;
    own_uuid_.emplace();
    stored->copy(reinterpret_cast<char*>(own_uuid_->data()), own_uuid_->size());
    return {};
  }
  // A mark of another size is neither used nor replaced.
  if (stored || (options_.uuid == UuidMode::kAuto && marks.has(Mark::kImpure))) {
    options_.uuid = UuidMode::kNull;
    return {};
  }
  sys::Uuid fresh;
  if (::getrandom(fresh.data(), fresh.size(), 0) != static_cast<ssize_t>(fresh.size())) return last_error();
  fresh[6] = static_cast<unsigned char>((fresh[6] & 0x0f) | 0x40);
  fresh[8] = static_cast<unsigned char>((fresh[8] & 0x3f) | 0x80);
  const std::string_view bytes(reinterpret_cast<const char*>(fresh.data()), fresh.size());
  const bool stored_now = !read_only_ && !no_xattr_ && sys::set_xattr(root, marks_[Mark::kUuid], bytes);
  options_.uuid = stored_now ? UuidMode::kOn : UuidMode::kNull;
  if (stored_now) own_uuid_ = fresh;
  return {};
}

Result<void> Core::make_root() {
  root_ = std::make_shared<Node>(nodes_.next_id(), S_IFDIR);
  root_->upper = layers_[0].root;
  root_->may_have_whiteouts = true;
  for (int i = 1; i <= lower_count(); ++i) root_->lower.push_back(layers_[static_cast<std::size_t>(i)].root);
  if (root_->upper) {
    const At at{root_->upper->pinned, ""};
    root_->impure = MarkReader(marks_, at).flag(Mark::kImpure) == 'y';
  }
  for (std::size_t i = 0; i + 1 < root_->lower.size(); ++i) {
    const At at{root_->lower[i]->pinned, ""};
    if (MarkReader(marks_, at).flag(Mark::kOpaque) == 'x') root_->xwhiteouts = true;
  }
  root_->private_ino = private_inos_.fetch_add(1);
  nodes_.ref(root_);
  return {};
}

Result<void> Core::set_up(const MountSpec& spec) {
  if (auto r = open_layers(spec); !r) return r;
  const std::size_t count = spec.lowers.size() + spec.data_lowers.size();
  if (spec.lowers.empty() || (!spec.upper && count == 1)) return tl::unexpected(EINVAL);
  if (spec.upper && !spec.work) return tl::unexpected(EINVAL);
  auto resolved = resolve_options(spec, capable(CAP_SYS_ADMIN));
  if (!resolved) return forward(resolved);
  options_ = *resolved;
  // Handles of overlay objects cannot be handed to an NFS server from here.
  if (options_.nfs_export) return tl::unexpected(EINVAL);

  read_only_ = spec.read_only || !spec.upper;
  one_device_ = spec.one_device;
  if (work_base_) {
    if (auto r = claim(*layers_[0].root, claimed_upper_); !r) return r;
    if (auto r = claim(*work_base_, claimed_work_); !r) return r;
    if (auto r = make_workdir(); !r) return r;
  }
  for (std::size_t i = 1; i < layers_.size(); ++i) {
    if (layers_[i].can_decode || !spec.upper) continue;
    options_.index = false;
    if (options_.xino == XinoMode::kAuto) options_.xino = XinoMode::kOff;
  }
  if (spec.upper && !layers_[0].can_decode) options_.index = false;
  if (auto r = assign_fsids(); !r) return r;
  if (auto r = set_uuid(); !r) return r;
  if (options_.index && !read_only_) {
    if (auto r = set_up_index(); !r) return r;
  }
  if (read_only_) options_.index = false;
  if (auto r = check_overlaps(); !r) return r;
  return make_root();
}

}  // namespace userlay
