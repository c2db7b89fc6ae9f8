// The overlay.* extended attributes and whiteouts: what they are called and how they are read.
#pragma once

#include <string>
#include <string_view>

#include "adapters/userspace/userlay/sys.h"

namespace userlay {

enum class Mark {
  kOpaque,
  kRedirect,
  kOrigin,
  kImpure,
  kNlink,
  kUpper,
  kUuid,
  kMetacopy,
  kProtattr,
  kWhiteout
};

// "trusted.overlay." or "user.overlay." names.
class MarkNames {
 public:
  explicit MarkNames(bool userxattr) : user_(userxattr) {}
  const char* operator[](Mark mark) const;
  std::string_view prefix() const { return user_ ? "user.overlay." : "trusted.overlay."; }
  bool user() const { return user_; }
  // One of ours, to be hidden from users of the mount.
  bool is_private(std::string_view name) const;
  // "trusted.overlay.overlay.*": a user's own overlay.* attribute, stored escaped.
  bool is_escaped(std::string_view name) const;

 private:
  bool user_;
};

// The marks of one object. Asks for the list of attributes first, since most objects have none at all.
class MarkReader {
 public:
  MarkReader(const MarkNames& names, const At& at) : names_(names), at_(at) {}

  // False if the attributes cannot be listed; get() tells.
  bool has(Mark mark);
  // ENODATA when absent.
  Result<std::string> get(Mark mark);
  // The one-character value of opaque or impure; 0 when absent or longer.
  char flag(Mark mark);
  bool is_whiteout(const struct stat& st);
  // 0 for none, otherwise the attribute's size (an empty one counts as the smallest header).
  Result<int> metacopy();
  // Empty for none; EINVAL for a malformed value.
  Result<std::string> redirect();

 private:
  const MarkNames& names_;
  const At& at_;
  std::string list_;
  bool listed_ = false;
  int error_ = ENODATA;  // of what is not in the list
};

// Whether a redirect value is well formed: one component, or "/a/b" without empty components.
bool valid_redirect(std::string_view value);

}  // namespace userlay
