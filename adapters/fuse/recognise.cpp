#include "adapters/fuse/recognise.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <filesystem>
#include <regex>

#include "adapters/fuse/daemon.h"
#include "adapters/fuse/descriptor.h"
#include "adapters/fuse/dialects.h"
#include "adapters/fuse/fuse_adapter.h"
#include "harness/ops/layers.h"

namespace ovlcheck {
namespace {

constexpr FuseLimits kLimits{std::chrono::milliseconds(5000), std::chrono::milliseconds(3000)};
constexpr const char* kVersion = "([0-9]+\\.[0-9][0-9.]*)";
constexpr const char* kOptionValues[][2] = {{"redirect_dir", "on"}, {"metacopy", "on"}, {"index", "on"},
                                            {"nfs_export", "on"},   {"xino", "on"},     {"volatile", ""}};

// A way to call the program.
struct Style {
  std::vector<std::string> mount, read_only;
  std::string lower = "{path}";
};

std::vector<std::string> operator+(std::vector<std::string> words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// What union file systems commonly understand; in the foreground first, as that shows how the program ends.
std::vector<Style> common_styles(const std::vector<std::string>& program) {
  std::vector<Style> styles;
  for (const std::vector<std::string>& foreground : {std::vector<std::string>{"-f"}, {}}) {
    const auto start = program + foreground;
    styles.push_back(
        {start + std::vector<std::string>{"-o", "lowerdir={lower},upperdir={upper},workdir={work}{options}",
                                          "{mount}"},
         start + std::vector<std::string>{"-o", "lowerdir={lower}{options}", "{mount}"}});
    styles.push_back({start + std::vector<std::string>{"-o", "cow,allow_other,default_permissions,use_ino",
                                                       "{upper}=RW:{lower}", "{mount}"},
                      start + std::vector<std::string>{"-o", "allow_other,default_permissions,use_ino",
                                                       "{lower}", "{mount}"},
                      "{path}=RO"});
    styles.push_back({start + std::vector<std::string>{"-o", "allow_other", "{upper}=RW:{lower}", "{mount}"},
                      start + std::vector<std::string>{"-o", "allow_other", "{lower}", "{mount}"},
                      "{path}=RO"});
    styles.push_back({start + std::vector<std::string>{"{upper}:{lower}", "{mount}"},
                      start + std::vector<std::string>{"{lower}", "{mount}"}});
    styles.push_back({start + std::vector<std::string>{"{lower}", "{upper}", "{work}", "{mount}"}, {}});
    styles.push_back({start + std::vector<std::string>{"{lower}", "{upper}", "{mount}"}, {}});
  }
  return styles;
}

// The template without its upper and work; empty if nobody can tell how.
std::vector<std::string> without_upper(const std::vector<std::string>& mount) {
  std::vector<std::string> argv;
  for (std::string word : mount) {
    for (const char* part :
         {",?upper(dir)?=\\{upper\\}", ",?work(dir)?=\\{work\\}", "\\{upper\\}(=[A-Za-z]+)?:"})
      word = std::regex_replace(word, std::regex(part), "");
    if (word == "{upper}" || word == "{work}") continue;
    if (word.find("{upper}") != std::string::npos || word.find("{work}") != std::string::npos) return {};
    argv.push_back(word);
  }
  return argv;
}

Json json_of(const Style& style, const std::string& name, const std::optional<std::string>& separator) {
  Json json = {{"name", name}, {"filesystem", "fuse"}, {"mount", style.mount}, {"dialect", "plain"}};
  if (!style.read_only.empty()) json["mount_read_only"] = style.read_only;
  if (style.lower != "{path}") json["lower"] = style.lower;
  if (separator) json["separator"] = *separator;
  return json;
}

// "My FS.sh" -> "my-fs-sh": what a descriptor may be called.
std::string subject_name(const std::string& program) {
  std::string name;
  for (const char c : std::filesystem::path(program).filename().string())
    name += std::isalnum(static_cast<unsigned char>(c)) ? static_cast<char>(std::tolower(c)) : '-';
  name.erase(0, name.find_first_not_of('-'));
  return name.empty() ? "mine" : name;
}

std::string names_of(const Tree& tree) {
  std::string names;
  for (const auto& [name, child] : tree.children) names += (names.empty() ? "" : ", ") + name;
  return names.empty() ? "nothing" : names;
}

// One attempt after another, each on fresh layers.
class Recogniser {
 public:
  Recogniser(const Environment& environment, int dir, const std::string& path)
      : environment_(environment), dir_(dir), path_(path) {}

  // Why a descriptor does not show `lowers` layers below an upper one (or below none), or nothing.
  std::optional<std::string> fails(const Json& descriptor, size_t lowers, bool upper,
                                   const Options& options = {}) {
    const auto adapter = make_adapter(descriptor);
    const Scene scene = build(lowers, upper);
    auto mount = adapter->mount(scene.dirs, options);
    if (!mount) return std::strerror(mount.error().error) + (": " + mount.error().message);
    return wrong_view(*scene.merged(), lowers, upper);
  }

  // Deletes and replaces what a lower has: the name of the dialect it is written in, and what was seen.
  std::string dialect(const Json& descriptor, std::vector<std::string>& notes) {
    const auto adapter = make_adapter(descriptor);
    const Scene scene = build(1, true);
    {
      auto mount = adapter->mount(scene.dirs, {});
      if (!mount) return "plain";
      const Fd merged = scene.open("merged");
      if (unlinkat(merged.get(), "gone", 0) != 0) {
        notes.push_back(fmt::format("Deleting a file of a lower layer fails with {}.", std::strerror(errno)));
        return "plain";
      }
      if (unlinkat(merged.get(), "dir/inside", 0) != 0 || unlinkat(merged.get(), "dir", AT_REMOVEDIR) != 0 ||
          mkdirat(merged.get(), "dir", 0755) != 0)
        notes.push_back(fmt::format("Making a deleted directory again fails with {}.", std::strerror(errno)));
    }
    const Tree upper = snapshot(scene.open("upper").get());
    for (const char* name : {"overlayfs", "aufs", "fuse-overlayfs", "unionfs-fuse"}) {
      const Tree meaning = make_dialect(name, prefix())->decode(upper);
      const Tree* gone = find_node(meaning, "gone");
      const Tree* dir = find_node(meaning, "dir");
      if (gone && gone->type == NodeType::whiteout && dir && !dir->marks.opaque.empty()) return name;
    }
    notes.push_back("Upper holds marks of no format known here: " + names_of(upper) +
                    "; what cases expect of upper will deviate.");
    return "plain";
  }

  // What renaming a directory of a lower layer gives: 0 or an errno.
  int rename_error(const Json& descriptor) {
    const auto adapter = make_adapter(descriptor);
    const Scene scene = build(1, true);
    auto mount = adapter->mount(scene.dirs, {});
    if (!mount) return mount.error().error;
    const Fd merged = scene.open("merged");
    return renameat(merged.get(), "dir", merged.get(), "moved") == 0 ? 0 : errno;
  }

 private:
  struct Scene {
    LayerDirs dirs;
    Fd dir;
    Fd open(const std::string& name) const {
      return Fd(openat(dir.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    }
    std::unique_ptr<Tree> merged() const { return std::make_unique<Tree>(snapshot(open("merged").get())); }
  };

  std::unique_ptr<Adapter> make_adapter(const Json& descriptor) const {
    return make_fuse_adapter(read_descriptor(descriptor.dump(), "the descriptor"), environment_, {}, kLimits);
  }
  std::string prefix() const {
    return environment_.privilege == "root" ? "trusted.overlay." : "user.overlay.";
  }

  Scene build(size_t lowers, bool upper) {
    const std::string name = "attempt" + std::to_string(++attempts_);
    Scene scene;
    if (mkdirat(dir_, name.c_str(), 0755) != 0) throw std::runtime_error("cannot make " + path_ + "/" + name);
    scene.dir.reset(openat(dir_, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    scene.dirs.dir = scene.dir.get();
    scene.dirs.path = path_ + "/" + name;
    const auto layer = [&](const std::string& layer_name, const Json& tree) {
      if (mkdirat(scene.dir.get(), layer_name.c_str(), 0755) != 0 ||
          !build_tree(scene.open(layer_name).get(), tree_from_json(tree, "")))
        throw std::runtime_error("cannot build " + scene.dirs.path + "/" + layer_name);
    };
    for (size_t i = 0; i < lowers; ++i) {
      const std::string number = std::to_string(i);
      layer("lower" + number,
            {{"lower" + number, "x"}, {"who", number}, {"gone", "x"}, {"dir/", {{"inside", "x"}}}});
      scene.dirs.lowers.push_back("lower" + number);
    }
    layer("merged", Json::object());
    if (upper) {
      layer("upper", {{"upper", "x"}});
      layer("work", Json::object());
      scene.dirs.upper = "upper";
      scene.dirs.work = "work";
    }
    return scene;
  }

  static std::optional<std::string> wrong_view(const Tree& merged, size_t lowers, bool upper) {
    std::vector<std::string> wanted = {"who", "gone", "dir"};
    if (upper) wanted.push_back("upper");
    for (size_t i = 0; i < lowers; ++i) wanted.push_back("lower" + std::to_string(i));
    for (const auto& name : wanted)
      if (!merged.children.contains(name)) return "mounted, but shows only " + names_of(merged);
    if (!merged.children.at("who").content.same_bytes(Content::of("0")))
      return "mounted, but the first lower layer is not on top";
    return std::nullopt;
  }

  const Environment& environment_;
  const int dir_;
  const std::string path_;
  int attempts_ = 0;
};

// Does it mount with `text` in the place of {options}? Only of use with a program that refuses what it does
// not know.
bool takes(Recogniser& tried, const Json& descriptor, const std::string& text) {
  Json with = descriptor;
  with.erase("kernel_options");
  with["options"]["volatile"] = {{"values", {{"", text}}}};
  return !tried.fails(with, 1, true, {{"volatile", ""}});
}

bool has_room_for_options(const Json& descriptor) {
  for (const auto& word : descriptor["mount"])
    if (word.get<std::string>().find("{options}") != std::string::npos) return true;
  return false;
}

// Gives the descriptor the options that the program takes.
void find_options(Recogniser& tried, Json& descriptor, bool refuses, std::vector<std::string>& notes) {
  const bool renames = tried.rename_error(descriptor) == 0;
  notes.push_back(renames ? "Directories of lower layers can be renamed."
                          : "Directories of lower layers cannot be renamed.");
  Json options;
  for (const auto& [option, on] : kOptionValues)
    if (*on) options[option] = {{"default", "off"}, {"values", {{"off", ""}}}};
  if (renames)
    options["redirect_dir"] = {{"default", "on"}, {"values", {{"on", ""}}}};
  else
    options["redirect_dir"]["values"]["nofollow"] = "";
  for (const auto& [option, on] : kOptionValues) {
    const std::string text = *on ? fmt::format("{}={}", option, on) : option;
    if (!refuses || !takes(tried, descriptor, text)) continue;
    options[option]["values"][on] = descriptor.value("kernel_options", false) ? "" : text;
    notes.push_back("It takes " + text + ".");
  }
  descriptor["options"] = options;
}

void find_version(const std::string& program, Json& descriptor, std::vector<std::string>& notes) {
  auto daemon = Daemon::start({program, "--version"}, {});
  if (!daemon || !(*daemon)->wait(std::chrono::seconds(5))) return;
  const std::string words = (*daemon)->said();
  // The program's own version stands behind its name; others are those of its libraries.
  const std::string name = std::regex_replace(std::filesystem::path(program).filename().string(),
                                              std::regex("[^A-Za-z0-9_-]"), ".");
  for (const std::string& pattern : {name + "[^0-9\n]*" + kVersion, std::string(kVersion)}) {
    std::smatch match;
    if (!std::regex_search(words, match, std::regex(pattern))) continue;
    descriptor["version"] = {{"command", {program, "--version"}}, {"pattern", pattern}};
    notes.push_back("It says its version is " + match[1].str() + ".");
    return;
  }
}

// How several lower layers are written, or that there can be only one.
void find_lowers(Recogniser& tried, Json& descriptor, std::vector<std::string>& notes) {
  for (const char* separator : {":", ","}) {
    descriptor["separator"] = separator;
    if (!tried.fails(descriptor, 2, true)) return;
  }
  descriptor.erase("separator");
  if (!tried.fails(descriptor, 2, true)) return;
  descriptor["separator"] = ":";
  descriptor["limits"] = {{"lowers", 1}};
  notes.push_back(
      "Two lower layers were not shown however they were written: cases with more than one are skipped.");
}

}  // namespace

tl::expected<Recognition, std::string> recognise(const std::string& command, const Environment& environment,
                                                 int dir, const std::string& path) {
  const auto words = command_words(command);
  if (words.empty()) return tl::unexpected(std::string("the command is empty"));
  if (find_program(words.front()).empty()) return tl::unexpected(words.front() + " is not installed");
  std::vector<Style> styles;
  if (command.find('{') == std::string::npos)
    styles = common_styles(words);
  else
    styles.push_back({descriptor_for_command(command).mount, without_upper(words)});

  Recogniser tried(environment, dir, path);
  Recognition found;
  std::string attempts;
  for (const Style& style : styles) {
    Json descriptor = json_of(style, subject_name(words.front()), ":");
    const auto why = tried.fails(descriptor, 1, true);
    if (!why) {
      found.descriptor = std::move(descriptor);
      found.notes.push_back(fmt::format("It mounts with: {}", fmt::join(style.mount, " ")));
      break;
    }
    attempts += fmt::format("\n  {}: {}", fmt::join(style.mount, " "), *why);
  }
  if (found.descriptor.is_null())
    return tl::unexpected("no command line that was tried shows the layers:" + attempts);

  Json& descriptor = found.descriptor;
  const bool refuses = has_room_for_options(descriptor) && !takes(tried, descriptor, "no_such_option=on");
  if (has_room_for_options(descriptor) && !refuses)
    found.notes.push_back("It takes options it cannot know, so its own were not asked for; see \"options\".");
  if (refuses && takes(tried, descriptor, "userxattr")) {
    descriptor["kernel_options"] = true;
    found.notes.push_back("It takes the kernel's options.");
  }
  // The kernel, and what follows it, wants two lower layers then.
  if (descriptor.contains("mount_read_only") && tried.fails(descriptor, 2, false) &&
      tried.fails(descriptor, 1, false)) {
    descriptor.erase("mount_read_only");
    found.notes.push_back("It does not mount without an upper layer.");
  }
  find_lowers(tried, descriptor, found.notes);
  descriptor["dialect"] = tried.dialect(descriptor, found.notes);
  found.notes.push_back(fmt::format("Its whiteouts and opaque marks are those of: {}.",
                                    descriptor["dialect"].get<std::string>()));
  find_options(tried, descriptor, refuses, found.notes);
  find_version(words.front(), descriptor, found.notes);
  return found;
}

}  // namespace ovlcheck
