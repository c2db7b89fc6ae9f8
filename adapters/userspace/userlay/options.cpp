#include <array>
#include <cerrno>

#include "adapters/userspace/userlay/userlay.h"

namespace userlay {
namespace {

// Where the kernel's OVL_MAX_STACK draws the line.
constexpr std::size_t kMaxLowers = 500;

template <class T, std::size_t N>
Result<T> choose(std::string_view value, const std::array<std::pair<std::string_view, T>, N>& table) {
  for (const auto& [name, meaning] : table) {
    if (name == value) return meaning;
  }
  return tl::unexpected(EINVAL);
}

constexpr std::array<std::pair<std::string_view, bool>, 2> kOnOff{{{"on", true}, {"off", false}}};
// `off` means `follow` because the kernel is built with REDIRECT_ALWAYS_FOLLOW nearly everywhere.
constexpr std::array<std::pair<std::string_view, RedirectMode>, 4> kRedirect{
    {{"off", RedirectMode::kFollow},
     {"follow", RedirectMode::kFollow},
     {"nofollow", RedirectMode::kNoFollow},
     {"on", RedirectMode::kOn}}};
constexpr std::array<std::pair<std::string_view, XinoMode>, 3> kXino{
    {{"off", XinoMode::kOff}, {"auto", XinoMode::kAuto}, {"on", XinoMode::kOn}}};
constexpr std::array<std::pair<std::string_view, UuidMode>, 4> kUuid{
    {{"off", UuidMode::kOff}, {"null", UuidMode::kNull}, {"auto", UuidMode::kAuto}, {"on", UuidMode::kOn}}};
constexpr std::array<std::pair<std::string_view, FsyncMode>, 3> kFsync{
    {{"volatile", FsyncMode::kVolatile}, {"auto", FsyncMode::kAuto}, {"strict", FsyncMode::kStrict}}};

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && ++i == text.size()) break;
    out += text[i];
  }
  return out;
}

// Splits at unescaped commas and keeps the escapes.
std::vector<std::string_view> split_options(std::string_view text) {
  std::vector<std::string_view> parts;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '\\') {
      ++i;
    } else if (i >= text.size() || text[i] == ',') {
      parts.push_back(text.substr(start, i - start));
      start = i + 1;
    }
  }
  if (start < text.size()) parts.push_back(text.substr(start));
  return parts;
}

class Parser {
 public:
  Result<MountSpec> parse(std::string_view text) {
    for (std::string_view part : split_options(text)) {
      const std::size_t equals = part.find('=');
      if (part.empty() || equals == 0) continue;
      const bool has_value = equals != std::string_view::npos;
      const std::string_view value = has_value ? part.substr(equals + 1) : std::string_view();
      Result<void> done = has_value ? assign(part.substr(0, equals), value) : flag(part);
      if (!done) return tl::unexpected(done.error());
    }
    return std::move(spec_);
  }

 private:
  Result<void> flag(std::string_view key) {
    if (key == "userxattr") {
      spec_.options.userxattr = true;
    } else if (key == "default_permissions") {
      spec_.options.default_permissions = true;
    } else if (key == "volatile") {
      spec_.options.fsync = FsyncMode::kVolatile;
    } else if (key == "ro") {
      spec_.read_only = true;
    } else if (key == "rw") {
      spec_.read_only = false;
    } else {
      return tl::unexpected(EINVAL);
    }
    return {};
  }

  template <class T, std::size_t N>
  Result<void> set(T& target, bool* given, std::string_view value,
                   const std::array<std::pair<std::string_view, T>, N>& table) {
    auto chosen = choose(value, table);
    if (!chosen) return tl::unexpected(chosen.error());
    target = *chosen;
    if (given) *given = true;
    return {};
  }

  Result<void> assign(std::string_view key, std::string_view value) {
    Options& o = spec_.options;
    if (key == "lowerdir") return lowerdir(value);
    if (key == "redirect_dir") return set(o.redirect_dir, &o.redirect_set, value, kRedirect);
    if (key == "index") return set(o.index, &o.index_set, value, kOnOff);
    if (key == "metacopy") return set(o.metacopy, &o.metacopy_set, value, kOnOff);
    if (key == "nfs_export") return set(o.nfs_export, &o.nfs_export_set, value, kOnOff);
    if (key == "xino") return set(o.xino, nullptr, value, kXino);
    if (key == "uuid") return set(o.uuid, nullptr, value, kUuid);
    if (key == "fsync") return set(o.fsync, nullptr, value, kFsync);
    // Digests are not verified here, so only the mode that never asks for it is accepted.
    if (key == "verity" && value == "off") return {};
    if (value.empty()) return tl::unexpected(EINVAL);
    if (key == "upperdir") {
      spec_.upper = LayerDir(unescape(value));
    } else if (key == "workdir") {
      spec_.work = LayerDir(unescape(value));
    } else if (key == "lowerdir+") {
      return append(std::string(value), false);
    } else if (key == "datadir+") {
      return append(std::string(value), true);
    } else {
      return tl::unexpected(EINVAL);
    }
    return {};
  }

  Result<void> append(std::string path, bool data) {
    if (colon_list_ || (!data && !spec_.data_lowers.empty())) return tl::unexpected(EINVAL);
    if (spec_.lowers.size() + spec_.data_lowers.size() == kMaxLowers) return tl::unexpected(EINVAL);
    (data ? spec_.data_lowers : spec_.lowers).emplace_back(std::move(path));
    return {};
  }

  Result<void> lowerdir(std::string_view value) {
    spec_.lowers.clear();
    spec_.data_lowers.clear();
    colon_list_ = !value.empty();
    if (value.empty()) return {};
    bool data = false;
    std::size_t start = 0;
    for (std::size_t i = 0; i <= value.size(); ++i) {
      if (i < value.size() && value[i] == '\\') {
        ++i;
        continue;
      }
      if (i < value.size() && value[i] != ':') continue;
      // An empty part is a leading, trailing or third colon.
      if (start >= value.size() || i <= start) return tl::unexpected(EINVAL);
      if (!data && !spec_.data_lowers.empty()) return tl::unexpected(EINVAL);
      (data ? spec_.data_lowers : spec_.lowers).emplace_back(unescape(value.substr(start, i - start)));
      if (i >= value.size()) break;
      data = i + 1 < value.size() && value[i + 1] == ':';
      if (data) ++i;
      start = i + 1;
      if (start >= value.size()) return tl::unexpected(EINVAL);
    }
    if (spec_.lowers.size() + spec_.data_lowers.size() > kMaxLowers) return tl::unexpected(EINVAL);
    return {};
  }

  MountSpec spec_;
  bool colon_list_ = false;  // lowerdir= was given, so lowerdir+= may not follow
};

void drop_useless_without_upper(Options& o) {
  o.index = false;
  o.index_set = false;
  if (o.fsync == FsyncMode::kVolatile) o.fsync = FsyncMode::kAuto;
  if (o.uuid == UuidMode::kOn) o.uuid = UuidMode::kNull;
  if (o.redirect_dir == RedirectMode::kFollow) o.redirect_dir = RedirectMode::kOn;
}

Result<void> resolve_metacopy(Options& o) {
  if (!o.metacopy || o.redirect_dir == RedirectMode::kOn) return {};
  if (o.metacopy_set && o.redirect_set) return tl::unexpected(EINVAL);
  if (o.redirect_set) {
    o.metacopy = false;
  } else {
    o.redirect_dir = RedirectMode::kOn;
  }
  return {};
}

Result<void> resolve_nfs_export(Options& o, bool has_upper) {
  if (o.nfs_export && !o.index) {
    if (!has_upper && o.redirect_dir != RedirectMode::kNoFollow) {
      o.nfs_export = false;
    } else if (o.nfs_export_set && o.index_set) {
      return tl::unexpected(EINVAL);
    } else {
      o.index = true;
    }
  }
  if (o.nfs_export && o.metacopy) {
    if (o.nfs_export_set && o.metacopy_set) return tl::unexpected(EINVAL);
    o.nfs_export = false;
  }
  return {};
}

Result<void> resolve_userxattr(Options& o) {
  if (!o.userxattr) return {};
  if (o.redirect_set && o.redirect_dir != RedirectMode::kNoFollow) return tl::unexpected(EINVAL);
  if (o.metacopy && o.metacopy_set) return tl::unexpected(EINVAL);
  o.redirect_dir = RedirectMode::kNoFollow;
  o.metacopy = false;
  return {};
}

}  // namespace

LayerDir LayerDir::from_fd(int fd) {
  LayerDir dir;
  dir.fd = fd;
  return dir;
}

Result<MountSpec> parse_options(std::string_view text) {
  return Parser().parse(text);
}

Result<Options> resolve_options(const MountSpec& spec, bool privileged) {
  Options o = spec.options;
  if (!spec.upper) drop_useless_without_upper(o);
  if (auto r = resolve_metacopy(o); !r) return tl::unexpected(r.error());
  if (auto r = resolve_nfs_export(o, spec.upper.has_value()); !r) return tl::unexpected(r.error());
  if (auto r = resolve_userxattr(o); !r) return tl::unexpected(r.error());
  if (!o.userxattr && !privileged) {
    const bool redirect = o.redirect_set && o.redirect_dir != RedirectMode::kNoFollow;
    if (redirect || (o.metacopy && o.metacopy_set) || !spec.data_lowers.empty()) return tl::unexpected(EPERM);
  }
  return o;
}

}  // namespace userlay
