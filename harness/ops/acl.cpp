#include "harness/ops/acl.h"

#include <endian.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>

#include <charconv>
#include <cstdint>
#include <cstring>
#include <utility>

namespace ovlcheck {
namespace {

struct Kind {
  char letter;
  uint16_t owner_tag, named_tag;  // without and with an id; 0 = not possible
};

constexpr Kind kKinds[] = {
    {'u', ACL_USER_OBJ, ACL_USER}, {'g', ACL_GROUP_OBJ, ACL_GROUP}, {'m', ACL_MASK, 0}, {'o', ACL_OTHER, 0}};

std::pair<std::string_view, std::string_view> split(std::string_view text, char separator) {
  const size_t at = text.find(separator);
  if (at == text.npos) return {text, {}};
  return {text.substr(0, at), text.substr(at + 1)};
}

std::optional<uint16_t> tag_of(std::string_view name, bool has_id) {
  for (const Kind& kind : kKinds) {
    if (name.size() != 1 || name[0] != kind.letter) continue;
    const uint16_t tag = has_id ? kind.named_tag : kind.owner_tag;
    return tag == 0 ? std::nullopt : std::optional(tag);
  }
  return std::nullopt;
}

std::optional<uint16_t> permissions_of(std::string_view text) {
  if (text.size() != 3) return std::nullopt;
  uint16_t permissions = 0;
  for (size_t i = 0; i < 3; ++i) {
    if (text[i] == "rwx"[i])
      permissions |= static_cast<uint16_t>(4U >> i);
    else if (text[i] != '-')
      return std::nullopt;
  }
  return permissions;
}

std::optional<posix_acl_xattr_entry> entry_of(std::string_view text) {
  const auto [name, rest] = split(text, ':');
  const auto [id_text, permission_text] = split(rest, ':');
  uint32_t id = static_cast<uint32_t>(ACL_UNDEFINED_ID);
  if (!id_text.empty()) {
    const char* end = id_text.data() + id_text.size();
    const auto [stop, error] = std::from_chars(id_text.data(), end, id);
    if (error != std::errc() || stop != end) return std::nullopt;
  }
  const auto tag = tag_of(name, !id_text.empty());
  const auto permissions = permissions_of(permission_text);
  if (!tag || !permissions) return std::nullopt;
  return posix_acl_xattr_entry{htole16(*tag), htole16(*permissions), htole32(id)};
}

}  // namespace

std::optional<std::string> xattr_from_acl(std::string_view text) {
  const posix_acl_xattr_header header{htole32(POSIX_ACL_XATTR_VERSION)};
  std::string value(reinterpret_cast<const char*>(&header), sizeof header);
  while (!text.empty()) {
    const auto [first, rest] = split(text, ',');
    const auto entry = entry_of(first);
    if (!entry) return std::nullopt;
    value.append(reinterpret_cast<const char*>(&*entry), sizeof *entry);
    text = rest;
  }
  return value;
}

std::optional<std::string> acl_from_xattr(std::string_view value) {
  posix_acl_xattr_header header;
  if (value.size() < sizeof header || (value.size() - sizeof header) % sizeof(posix_acl_xattr_entry) != 0)
    return std::nullopt;
  std::memcpy(&header, value.data(), sizeof header);
  if (le32toh(header.a_version) != POSIX_ACL_XATTR_VERSION) return std::nullopt;

  std::string text;
  for (size_t at = sizeof header; at < value.size(); at += sizeof(posix_acl_xattr_entry)) {
    posix_acl_xattr_entry entry;
    std::memcpy(&entry, value.data() + at, sizeof entry);
    const uint16_t tag = le16toh(entry.e_tag), permissions = le16toh(entry.e_perm);
    char letter = 0;
    bool named = false;
    for (const Kind& kind : kKinds) {
      if (tag != kind.owner_tag && (kind.named_tag == 0 || tag != kind.named_tag)) continue;
      letter = kind.letter;
      named = tag == kind.named_tag;
    }
    if (letter == 0 || permissions > 7) return std::nullopt;
    if (!text.empty()) text += ',';
    text += letter;
    text += ':';
    if (named) text += std::to_string(le32toh(entry.e_id));
    text += ':';
    for (size_t i = 0; i < 3; ++i) text += (permissions & (4U >> i)) != 0 ? "rwx"[i] : '-';
  }
  return text;
}

}  // namespace ovlcheck
