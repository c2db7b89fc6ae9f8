#include "adapters/userspace/userlay/marks.h"

namespace userlay {
namespace {

constexpr std::string_view kEscape = "overlay.";
// Version, length, flags and digest algorithm.
constexpr int kMetacopyHeader = 4;

constexpr std::array<std::array<const char*, 2>, 10> kNames{{
    {"trusted.overlay.opaque", "user.overlay.opaque"},
    {"trusted.overlay.redirect", "user.overlay.redirect"},
    {"trusted.overlay.origin", "user.overlay.origin"},
    {"trusted.overlay.impure", "user.overlay.impure"},
    {"trusted.overlay.nlink", "user.overlay.nlink"},
    {"trusted.overlay.upper", "user.overlay.upper"},
    {"trusted.overlay.uuid", "user.overlay.uuid"},
    {"trusted.overlay.metacopy", "user.overlay.metacopy"},
    {"trusted.overlay.protattr", "user.overlay.protattr"},
    {"trusted.overlay.whiteout", "user.overlay.whiteout"},
}};

bool absent(int error) {
  return error == ENODATA || error == EOPNOTSUPP;
}

}  // namespace

const char* MarkNames::operator[](Mark mark) const {
  return kNames[static_cast<std::size_t>(mark)][user_];
}

bool MarkNames::is_escaped(std::string_view name) const {
  return name.starts_with(prefix()) && name.substr(prefix().size()).starts_with(kEscape);
}

bool MarkNames::is_private(std::string_view name) const {
  return name.starts_with(prefix()) && !is_escaped(name);
}

bool MarkReader::has(Mark mark) {
  if (!listed_) {
    listed_ = true;
    auto list = sys::list_xattr(at_);
    if (list)
      list_ = std::move(*list);
    else if (!absent(list.error()))  // a file system without xattrs has no marks
      error_ = list.error();
  }
  const std::string_view wanted = names_[mark];
  for (std::size_t start = 0; start < list_.size();) {
    const std::string_view name = list_.c_str() + start;
    if (name == wanted) return true;
    start += name.size() + 1;
  }
  return false;
}

Result<std::string> MarkReader::get(Mark mark) {
  if (!has(mark)) return tl::unexpected(error_);
  return sys::get_xattr(at_, names_[mark]);
}

char MarkReader::flag(Mark mark) {
  auto value = get(mark);
  return value && value->size() == 1 ? (*value)[0] : '\0';
}

bool MarkReader::is_whiteout(const struct stat& st) {
  if (S_ISCHR(st.st_mode)) return st.st_rdev == 0;
  return S_ISREG(st.st_mode) && st.st_size == 0 && has(Mark::kWhiteout);
}

Result<int> MarkReader::metacopy() {
  auto value = get(Mark::kMetacopy);
  if (!value) {
    // user.* cannot be read without read permission; then it is not a metacopy file for us.
    if (absent(value.error()) || (names_.user() && value.error() == EACCES)) return 0;
    return forward(value);
  }
  if (value->empty()) return kMetacopyHeader;
  if (value->size() < kMetacopyHeader) return tl::unexpected(EIO);
  return static_cast<int>(value->size());
}

Result<std::string> MarkReader::redirect() {
  auto value = get(Mark::kRedirect);
  if (!value) {
    if (absent(value.error())) return std::string();
    return value;
  }
  // The kernel reads it as a C string.
  std::string text = value->c_str();
  if (!valid_redirect(text)) return tl::unexpected(EINVAL);
  return text;
}

bool valid_redirect(std::string_view value) {
  if (value.empty()) return false;
  if (value[0] != '/') return value.find('/') == std::string_view::npos;
  return value.find("//") == std::string_view::npos && value.back() != '/';
}

}  // namespace userlay
