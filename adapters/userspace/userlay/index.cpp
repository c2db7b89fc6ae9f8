// The inodes index: hard links of lower files stay one file after copy_up, and their link count is kept.
#include <climits>

#include "adapters/userspace/userlay/core.h"

namespace userlay {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

std::string to_hex(const std::string& bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += {kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}

Result<std::string> from_hex(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const std::size_t high = kHex.find(text[i]);
    const std::size_t low = kHex.find(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return tl::unexpected(EINVAL);
    out += static_cast<char>(high << 4 | low);
  }
  return out;
}

// "U+1" or "L-2": relative to the upper or the lower link count. 0 when malformed.
nlink_t union_nlink(const std::string& value, nlink_t lower, nlink_t upper) {
  if (value.size() < 3 || (value[0] != 'L' && value[0] != 'U')) return 0;
  char* end = nullptr;
  const long difference = std::strtol(value.c_str() + 1, &end, 10);
  if (*end != '\0' || difference < INT_MIN || difference > INT_MAX) return 0;
  const long sum = static_cast<long>(value[0] == 'L' ? lower : upper) + difference;
  return sum > 0 ? static_cast<nlink_t>(sum) : 0;
}

}  // namespace

Result<std::string> Core::index_name(const RealPtr& lower) {
  auto handle = encode_handle(lower);
  if (!handle) return handle;
  return to_hex(*handle);
}

bool Core::needs_index(const Node& node) const {
  return options_.index && !node.lower.empty() && !node.is_dir() && node.lower.front()->nlink > 1;
}

// Looks for the index entry of a file's lower origin and takes upper from it when the name itself has none.
Result<void> Core::find_index(Found& found) {
  if (found.lower.empty() || found.is_dir()) return {};
  const RealPtr& origin = found.lower.front();
  std::string name;
  if (found.upper) {
    auto where = fds_.locate(found.upper);
    if (!where) return forward(where);
    auto stored = MarkReader(marks_, *where).get(Mark::kOrigin);
    if (!stored) return {};
    name = to_hex(*stored);
    // A metacopy found by path must be the very file it was copied up from.
    if (origin->parent) {
      auto expected = index_name(origin);
      if (!expected) return forward(expected);
      if (*expected != name) return tl::unexpected(ESTALE);
    }
  } else {
    auto expected = index_name(origin);
    if (!expected) return forward(expected);
    name = *expected;
  }
  auto at = fds_.child(work_, name);
  if (!at) return forward(at);
  auto st = sys::stat(*at);
  if (!st) {
    if (st.error() == ENOENT) return {};
    return forward(st);
  }
  if ((st->st_mode & S_IFMT) != origin->type) return tl::unexpected(EIO);
  if (found.upper && found.upper->id != Identity{st->st_dev, st->st_ino}) return {};
  found.indexed = true;
  if (found.upper) return {};
  auto upper = add_child_real(work_, name, *st);
  if (!upper) return forward(upper);
  found.upper = *upper;
  MarkReader marks(marks_, *at);
  auto redirect = marks.redirect();
  if (!redirect) return forward(redirect);
  found.redirect = *redirect;
  auto metacopy = found.upper->is_regular() ? marks.metacopy() : Result<int>(0);
  if (!metacopy) return forward(metacopy);
  found.upper_metacopy = *metacopy > 0;
  return {};
}

nlink_t Core::read_nlink(const Found& found, nlink_t fallback) {
  if (!found.indexed || found.lower.empty() || !found.upper) return fallback;
  auto where = fds_.locate(found.upper);
  if (!where) return fallback;
  auto value = MarkReader(marks_, *where).get(Mark::kNlink);
  if (!value) return fallback;
  const nlink_t sum = union_nlink(*value, found.lower.front()->nlink, found.upper->nlink);
  return sum ? sum : fallback;
}

// Stores the union link count relative to the upper ('U') or lower ('L') one.
Result<void> Core::set_nlink(const Node& node, char relative_to) {
  auto where = fds_.locate(node.upper);
  if (!where) return forward(where);
  nlink_t base = node.lower.front()->nlink;
  if (relative_to == 'U') {
    auto st = sys::stat(*where);
    if (!st) return forward(st);
    base = st->st_nlink;
  }
  char text[16];
  std::snprintf(text, sizeof text, "%c%+d", relative_to,
                static_cast<int>(node.nlink) - static_cast<int>(base));
  return sys::set_xattr(*where, marks_[Mark::kNlink], text);
}

// Before a link is added, removed or covered: makes sure there is an index entry that can hold the count.
Result<void> Core::nlink_start(const NodePtr& node, std::size_t link) {
  if (needs_index(*node) && !node->links[link].in_upper) {
    if (auto r = copy_up_locked(node, link, CopyData::kNone, nullptr); !r) return r;
  }
  if (node->is_dir() || !node->indexed) return {};
  return set_nlink(*node, 'U');
}

// Afterwards: an index entry without names is an orphan.
void Core::nlink_end(const NodePtr& node) {
  if (!node->indexed || node->is_dir() || node->nlink > 0) return;
  auto name = index_name(node->lower.front());
  auto where = name ? fds_.child(work_, *name) : Result<At>(tl::unexpected(name.error()));
  if (!where) return;
  auto st = sys::stat(*where);
  if (!st) return;
  if (st->st_nlink != 1) {
    // A lower link was added behind our back: trust the links that exist.
    node->nlink = st->st_nlink - 1;
    (void)set_nlink(*node, 'U');
    return;
  }
  if (node->upper->parent == work_ && node->upper->name == where->name) {
    if (auto fd = sys::open_at(where->fd(), where->c_str(), O_PATH | O_NOFOLLOW)) {
      node->upper->pinned = share(std::move(*fd));
    }
  }
  // An entry that cannot be removed now is found and removed by the next mount.
  (void)sys::unlink(where->fd(), where->c_str());
}

// Removes stale and orphaned entries. An entry nobody can make sense of aborts the mount.
Result<void> Core::clean_index() {
  auto dir = fds_.directory(work_);
  if (!dir) return forward(dir);
  auto entries = sys::read_directory(At{*dir, ""});
  if (!entries) return forward(entries);
  for (const auto& entry : *entries) {
    const At at{*dir, entry.name};
    auto st = sys::stat(at);
    if (!st) return forward(st);
    const bool is_dir = S_ISDIR(st->st_mode);
    bool stale = entry.name.starts_with('#');
    if (!stale) {
      auto handle = from_hex(entry.name);
      if (!handle) return forward(handle);
      if (auto known = check_handle_format(*handle); !known) return known;
      if (is_dir || MarkReader(marks_, at).is_whiteout(*st)) continue;
      MarkReader marks(marks_, at);
      auto origin = marks.get(Mark::kOrigin);
      if (!origin) return forward(origin);
      stale = *origin != *handle;
      if (!stale && st->st_nlink == 1) {
        auto lower = decode_origin(*origin, *st);
        if (!lower) return forward(lower);
        auto count = marks.get(Mark::kNlink);
        stale = !*lower || union_nlink(count.value_or(""), *lower ? (*lower)->nlink : 0, st->st_nlink) == 0;
      }
    }
    if (!stale) continue;
    if (auto removed = clean_leftover(At{*dir, ""}, entry.name, is_dir, 1); !removed) return removed;
  }
  return {};
}

// With index=on the index directory replaces the work directory; it belongs to exactly one upper and lower.
Result<void> Core::set_up_index() {
  const At upper{layers_[0].root->pinned, ""};
  auto lower_handle = encode_handle(layers_[1].root);
  if (!lower_handle) return forward(lower_handle);
  auto upper_handle = encode_handle(layers_[0].root);
  if (!upper_handle) return forward(upper_handle);
  const auto verify = [&](const At& at, Mark mark, const std::string& expected) -> Result<void> {
    auto stored = MarkReader(marks_, at).get(mark);
    if (stored && !stored->empty()) {
      if (*stored == expected) return {};
      return tl::unexpected(ESTALE);
    }
    return sys::set_xattr(at, marks_[mark], expected);
  };
  if (auto r = verify(upper, Mark::kOrigin, *lower_handle); !r) return r;
  const At index{work_base_->pinned, "index"};
  auto made = sys::mkdir(index.fd(), index.c_str(), 0);
  if (!made && made.error() != EEXIST) {
    read_only_ = true;
    return {};
  }
  if (made) {
    if (auto r = sys::chmod(index, 0); !r) return r;
  }
  auto real = real_at(index, 0);
  if (!real) return forward(real);
  work_ = *real;
  work_->parent = work_base_;
  work_->name = index.name;
  if (auto r = verify(index, Mark::kUpper, *upper_handle); !r) return r;
  return clean_index();
}

}  // namespace userlay
