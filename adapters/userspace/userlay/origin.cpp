// Where a copied up object came from: the kernel's file handle format and the origin and impure marks.
#include <bit>

#include "adapters/userspace/userlay/core.h"

namespace userlay {
namespace {

// struct ovl_fb: version, magic, length, flags, handle type, UUID, handle.
constexpr char kVersion = 0;
constexpr char kMagic = '\xfb';
constexpr std::size_t kHeader = 5 + sizeof(sys::Uuid);
constexpr unsigned char kBigEndian = 1;
constexpr unsigned char kAnyEndian = 2;
constexpr unsigned char kPathUpper = 4;
constexpr unsigned char kKnownFlags = kBigEndian | kAnyEndian | kPathUpper;
constexpr unsigned char kOurEndian = std::endian::native == std::endian::big ? kBigEndian : 0;

}  // namespace

Result<void> check_handle_format(std::string_view value) {
  if (value.size() < kHeader || value[1] != kMagic) return tl::unexpected(EINVAL);
  if (static_cast<unsigned char>(value[2]) > value.size()) return tl::unexpected(EINVAL);
  const auto flags = static_cast<unsigned char>(value[3]);
  const bool our_endian = (flags & kAnyEndian) || (flags & kBigEndian) == kOurEndian;
  if (value[0] != kVersion || (flags & ~kKnownFlags) || !our_endian) return tl::unexpected(ENODATA);
  return {};
}

// The handle of a layer's object as stored in marks and index names.
Result<std::string> Core::encode_handle(const RealPtr& real) {
  auto where = fds_.locate(real);
  if (!where) return forward(where);
  auto handle = sys::name_to_handle(*where);
  if (!handle) return forward(handle);
  std::string value{kVersion, kMagic, '\0',
                    static_cast<char>(kOurEndian | (real->layer == 0 ? kPathUpper : 0)),
                    static_cast<char>(handle->type)};
  const sys::Uuid uuid =
      options_.uuid == UuidMode::kOff ? sys::Uuid{} : layers_[static_cast<std::size_t>(real->layer)].uuid;
  value.append(reinterpret_cast<const char*>(uuid.data()), uuid.size());
  value += handle->bytes;
  value[2] = static_cast<char>(value.size());
  return value;
}

// Empty when handles of that layer cannot be opened: "copied up, origin unknown".
Result<std::string> Core::origin_value(const RealPtr& lower) {
  if (!options_.index && !layers_[static_cast<std::size_t>(lower->layer)].can_decode) return std::string();
  // An origin that was itself found by handle has no name, but then it is not copied up again.
  return encode_handle(lower);
}

// The object an origin mark refers to; null when that cannot be told.
Result<RealPtr> Core::decode_origin(const std::string& value, const struct stat& upper) {
  if (!check_handle_format(value)) return RealPtr();
  sys::Uuid uuid;
  value.copy(reinterpret_cast<char*>(uuid.data()), uuid.size(), 5);
  const sys::RawHandle handle{static_cast<unsigned char>(value[4]),
                              value.substr(kHeader, static_cast<unsigned char>(value[2]) - kHeader)};
  for (int i = 1; i <= lower_count(); ++i) {
    const Layer& layer = layers_[static_cast<std::size_t>(i)];
    if (!layer.uuid_usable || !layer.can_decode) continue;
    if (uuid != (options_.uuid == UuidMode::kOff ? sys::Uuid{} : layer.uuid)) continue;
    auto fd = sys::open_by_handle(layer.readable.get(), handle);
    if (!fd) continue;
    auto st = sys::stat(fd->get());
    if (!st) return forward(st);
    if ((st->st_mode & S_IFMT) != (upper.st_mode & S_IFMT)) return RealPtr();
    return std::make_shared<Real>(&fds_, i, *st);
  }
  return RealPtr();
}

// Sets a mark; `unsupported` is the error (or 0) when upper has no xattrs.
Result<void> Core::set_mark(const At& at, Mark mark, std::string_view value, int unsupported) {
  if (!no_xattr_) {
    auto set = sys::set_xattr(at, marks_[mark], value);
    if (set || set.error() != EOPNOTSUPP) return set;
  }
  if (unsupported) return tl::unexpected(unsupported);
  return {};
}

Result<void> Core::set_origin(const At& at, const RealPtr& lower) {
  auto value = origin_value(lower);
  if (!value) return forward(value);
  auto set = set_mark(at, Mark::kOrigin, *value, 0);
  // user.* is not allowed on symlinks and special files.
  if (!set && set.error() == EPERM) return {};
  return set;
}

// "This directory of upper may hold objects with an origin."
Result<void> Core::set_impure(Node& directory) {
  if (directory.impure) return {};
  auto where = fds_.locate(directory.upper);
  if (!where) return forward(where);
  if (auto r = set_mark(*where, Mark::kImpure, "y", 0); !r) return r;
  directory.impure = true;
  return {};
}

// A merged directory whose upper part does not say where it comes from (made by hand) gets the mark on
// lookup.
Result<void> Core::fix_origin(const Node& parent, const RealPtr& upper, const RealPtr& lower) {
  if (no_xattr_ || read_only_) return {};
  auto where = fds_.locate(upper);
  if (!where) return forward(where);
  if (MarkReader(marks_, *where).has(Mark::kOrigin)) return {};
  if (auto r = set_origin(*where, lower); !r) return r;
  auto above = fds_.locate(parent.upper);
  if (!above) return forward(above);
  if (parent.impure) return {};
  auto set = set_mark(*above, Mark::kImpure, "y", 0);
  if (set) parent.impure = true;  // so that a listing asks for the origin's inode number
  return set;
}

}  // namespace userlay
