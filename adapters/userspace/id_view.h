// IdView: user and group ids as the actors see them.
#pragma once

#include <sys/types.h>
#include <unistd.h>

namespace ovlcheck {

// An ordinary user sees itself as root and knows nobody else, as in a user namespace that maps a single id;
// root sees ids as they are.
class IdView {
 public:
  bool shows_uid(uid_t shown) const { return !single_ || shown == 0; }
  bool shows_gid(gid_t shown) const { return !single_ || shown == 0; }
  uid_t real_uid(uid_t shown) const { return single_ && shown == 0 ? uid_ : shown; }
  gid_t real_gid(gid_t shown) const { return single_ && shown == 0 ? gid_ : shown; }
  uid_t shown_uid(uid_t real) const { return !single_ ? real : real == uid_ ? 0 : kNobody; }
  gid_t shown_gid(gid_t real) const { return !single_ ? real : real == gid_ ? 0 : kNobody; }

 private:
  static constexpr unsigned kNobody = 65534;  // /proc/sys/kernel/overflowuid

  uid_t uid_ = ::geteuid();
  gid_t gid_ = ::getegid();
  bool single_ = uid_ != 0;
};

}  // namespace ovlcheck
