#include "harness/ops/inotify_names.h"

#include <sys/inotify.h>

#include <string_view>

namespace ovlcheck {

std::string inotify_names(uint32_t mask) {
  static constexpr struct {
    uint32_t bit;
    std::string_view name;
  } kNames[] = {{IN_ACCESS, "IN_ACCESS"},
                {IN_MODIFY, "IN_MODIFY"},
                {IN_ATTRIB, "IN_ATTRIB"},
                {IN_CLOSE_WRITE, "IN_CLOSE_WRITE"},
                {IN_CLOSE_NOWRITE, "IN_CLOSE_NOWRITE"},
                {IN_OPEN, "IN_OPEN"},
                {IN_MOVED_FROM, "IN_MOVED_FROM"},
                {IN_MOVED_TO, "IN_MOVED_TO"},
                {IN_CREATE, "IN_CREATE"},
                {IN_DELETE, "IN_DELETE"},
                {IN_DELETE_SELF, "IN_DELETE_SELF"},
                {IN_MOVE_SELF, "IN_MOVE_SELF"},
                {IN_UNMOUNT, "IN_UNMOUNT"},
                {IN_Q_OVERFLOW, "IN_Q_OVERFLOW"},
                {IN_IGNORED, "IN_IGNORED"},
                {IN_ISDIR, "IN_ISDIR"}};
  std::string text;
  for (const auto& [bit, name] : kNames) {
    if ((mask & bit) == 0) continue;
    if (!text.empty()) text += '|';
    text += name;
  }
  return text;
}

}  // namespace ovlcheck
