#include "harness/run/stage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "adapters/plain/plain_adapter.h"
#include "harness/case/problem.h"
#include "harness/ops/directory.h"
#include "harness/ops/filesystem_type.h"

namespace ovlcheck {
namespace {

constexpr char kInsteadOfSlash = '@';
// Where a format keeps the marks of a whole layer, by the paths they are about (adapters/fuse/dialects.h).
constexpr const char* kMarks[] = {".unionfs-fuse", ".unionfs"};

bool has_attributes(const Tree& root) {
  return root.mode || root.uid || root.gid || root.mtime || root.atime || !root.xattrs.empty() || root.acl ||
         root.default_acl || !root.marks.opaque.empty() || root.marks.redirect || root.marks.origin ||
         root.marks.impure;
}

// An absolute redirect counts from the root of the mount.
bool has_absolute_redirect(const Json& json) {
  if (json.is_string()) return json.get_ref<const std::string&>().ends_with("overlay.redirect");
  if (!json.is_structured()) return false;
  if (json.is_object() && json.contains("redirect") && json["redirect"].is_string() &&
      json["redirect"].get_ref<const std::string&>().starts_with("/"))
    return true;
  return std::any_of(json.begin(), json.end(),
                     [](const Json& inner) { return has_absolute_redirect(inner); });
}

// "." in a tree that must stand at the end, or be seen in between.
bool expects_of_root(const Json& trees) {
  return trees.is_object() && std::any_of(trees.begin(), trees.end(), [](const Json& tree) {
           return tree.is_object() && (tree.contains(".") || expects_of_root(tree));
         });
}

std::optional<std::string> step_needs_own_mount(const Step& step) {
  for (const char* op : {"mount", "umount", "remount", "offline", "overlay", "inside", "volume", "backing"})
    if (step.op == op) return "the step " + step.op + " needs a mount of its own";
  if (step.op == "run" && step.args["run"].dump().find("..") != std::string::npos)
    return "it runs a program that leaves the merged directory";
  if (step.op == "tree" && step.args.at("tree") == "work") return "it looks at the work directory";
  if (step.op == "tree" && expects_of_root(Json::object({{"tree", step.expect}})))
    return "it is about the root of the mount";
  return std::nullopt;
}

// The other names of hard links count from the root of the layer.
void put_links_below(Tree& tree, const std::string& directory) {
  if (tree.type == NodeType::hardlink) tree.target = directory + "/" + tree.target;
  for (auto& [name, child] : tree.children) put_links_below(child, directory);
}

[[noreturn]] void cannot_open(const std::string& path) {
  throw std::runtime_error("cannot open the directory " + path + ": " + std::strerror(errno));
}

Tree empty_directory() {
  Tree tree;
  tree.type = NodeType::directory;
  return tree;
}

}  // namespace

std::string staged_name(const Case& c) {
  return c.group + kInsteadOfSlash + c.id;
}

std::optional<std::string> needs_own_mount(const Case& c) {
  if (!c.mounted) return "it mounts by itself";
  if (!c.upper) return "it needs a mount without an upper layer";
  if (!c.data.empty()) return "it needs data-only layers";
  for (const char* option : {"lowerdir", "lowerdir+", "datadir+", "upperdir", "workdir", "volatile"})
    if (c.mount.contains(option)) return std::string("it needs the mount option ") + option;
  if (has_attributes(*c.upper) || std::any_of(c.lowers.begin(), c.lowers.end(), has_attributes) ||
      expects_of_root(c.after))
    return "it is about the root of the mount";
  if (has_absolute_redirect(c.json)) return "its redirects count from the root of the mount";
  if (c.after.is_object() && c.after.contains("work")) return "it looks at the work directory";
  for (const Step& step : c.steps)
    if (auto why = step_needs_own_mount(step)) return why;
  return std::nullopt;
}

std::optional<std::string> build_staged(const Case& c, const Dialect& dialect, const Fd& upper,
                                        const std::vector<Fd>& lowers) {
  if (c.lowers.size() > lowers.size()) return "it needs " + std::to_string(c.lowers.size()) + " lower layers";
  auto build = [&](const Fd& layer, const Tree& tree) -> std::optional<std::string> {
    Tree whole = empty_directory();
    Tree& own = whole.children.emplace(staged_name(c), tree).first->second;
    put_links_below(own, staged_name(c));
    try {
      std::string where;
      const auto built = build_tree(layer.get(), dialect.encode(whole), &where);
      if (!built) return "cannot build " + where + " here: " + std::strerror(built.error());
    } catch (const BadCase& cannot) {
      return "this format has no such mark: " + cannot.problems.front().message;
    }
    return std::nullopt;
  };
  for (size_t i = 0; i < c.lowers.size(); ++i)
    if (auto why = build(lowers[i], c.lowers[i])) return why;
  return build(upper, *c.upper);
}

Stage::Stage(Fd merged, Fd upper, std::vector<Fd> lowers, std::unique_ptr<Mount> mount)
    : merged_(std::move(merged)),
      upper_(std::move(upper)),
      lowers_(std::move(lowers)),
      mount_(std::move(mount)),
      directories_(make_plain_adapter()) {}

Stage::~Stage() {
  merged_.reset();
  // If it is busy it is taken down by force with the mount itself.
  if (mount_) (void)mount_->unmount();
}

std::string Stage::filesystem() const {
  struct statfs info;
  return fstatfs(upper_.get(), &info) == 0 ? filesystem_type(info.f_type) : "unknown";
}

std::optional<std::string> Stage::died() const {
  if (mount_) return mount_->died();
  struct stat root;
  if (fstat(merged_.get(), &root) == 0 || errno != ENOTCONN) return std::nullopt;
  return "what was mounted at merged has ended";
}

int Stage::layer(const std::string& name) const {
  if (name == "merged") return merged_.get();
  if (name == "upper") return upper_.get();
  for (size_t i = 0; i < lowers_.size(); ++i)
    if (name == "lower" + std::to_string(i)) return lowers_[i].get();
  return -1;
}

Sys<Fd> Stage::open(const std::string& layer_name, const std::string& name) const {
  return open_directory(layer(layer_name), name.c_str());
}

tl::expected<std::unique_ptr<Mount>, MountError> Stage::enter(const std::string& name) const {
  LayerDirs dirs;
  dirs.dir = merged_.get();
  dirs.merged = name;
  return directories_->mount(dirs, {});
}

Tree Stage::look(const std::string& layer_name, const std::string& name, const Dialect& dialect) const {
  const int top = layer(layer_name);
  Tree whole = empty_directory();
  auto add = [&name](int directory, Tree& to) {
    if (const auto found = open_directory(directory, name.c_str()))
      to.children.emplace(name, snapshot(found->get()));
  };
  add(top, whole);
  for (const char* entry : kMarks) {
    const auto marks = open_directory(top, entry);
    if (marks) add(marks->get(), whole.children.emplace(entry, empty_directory()).first->second);
  }
  Tree meaning = dialect.decode(whole);
  const auto found = meaning.children.find(name);
  return found == meaning.children.end() ? empty_directory() : std::move(found->second);
}

uint64_t Stage::fingerprint_of(const std::string& layer_name, const std::string& name, Notice notice) const {
  const int top = layer(layer_name);
  const auto directory = open_directory(top, name.c_str());
  uint64_t sum = directory ? fingerprint(directory->get(), notice) : 0;
  for (const char* entry : kMarks) {
    const auto marks = open_directory(top, entry);
    const auto own = marks ? open_directory(marks->get(), name.c_str()) : failed(ENOENT);
    if (own) sum = sum * 31 + fingerprint(own->get(), notice);
  }
  return sum;
}

Fd open_stage_directory(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) cannot_open(path);
  return fd;
}

std::unique_ptr<Stage> open_stage(const std::string& merged, const std::string& upper,
                                  const std::vector<std::string>& lowers) {
  std::vector<Fd> opened;
  for (const std::string& lower : lowers) opened.push_back(open_stage_directory(lower));
  return std::make_unique<Stage>(open_stage_directory(merged), open_stage_directory(upper),
                                 std::move(opened));
}

}  // namespace ovlcheck
