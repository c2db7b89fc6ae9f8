#include "adapters/fuse/dialects.h"

#include <functional>
#include <utility>

#include "harness/case/problem.h"

namespace ovlcheck {
namespace {

constexpr std::string_view kWhiteoutPrefix = ".wh.";
constexpr std::string_view kOpaqueFile = ".wh..wh..opq";
constexpr std::string_view kReservedPrefix = ".wh..wh.";

Tree empty_file() {
  Tree node;
  node.type = NodeType::file;
  return node;
}

Tree whiteout() {
  Tree node;
  node.type = NodeType::whiteout;
  return node;
}

[[noreturn]] void refuse(const std::string& format, const std::string& path, const std::string& what) {
  throw BadCase("", format + " has no " + what + " (/" + path + ")");
}

// Refuses the marks that only overlayfs itself has.
void refuse_kernel_marks(const std::string& format, const std::string& path, const Marks& marks) {
  if (marks.redirect) refuse(format, path, "redirects");
  if (marks.metacopy) refuse(format, path, "metacopy files");
  if (marks.origin.value_or(false)) refuse(format, path, "origin marks");
  if (marks.impure.value_or(false)) refuse(format, path, "impure marks");
  if (marks.opaque == "x" || marks.whiteout == "xattr") refuse(format, path, "xattr whiteouts");
}

std::string below(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "/" + name;
}

bool starts_with(const std::string& text, std::string_view prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

bool is_char_0_0(const Tree& node) {
  return node.type == NodeType::character && node.major == 0 && node.minor == 0;
}

// Below an opaque directory a mark hides nothing any more. These formats write some there all the same (an
// opaque mark on every new directory, old whiteouts), which the meaning of a layer leaves out.
void drop_moot_marks(Tree& directory, bool below_opaque = false) {
  const bool opaque = below_opaque || !directory.marks.opaque.empty();
  if (below_opaque) directory.marks.opaque.clear();
  if (opaque)
    std::erase_if(directory.children,
                  [](const auto& child) { return child.second.type == NodeType::whiteout; });
  for (auto& [name, child] : directory.children)
    if (child.type == NodeType::directory) drop_moot_marks(child, opaque);
}

// Formats that keep a ".wh." entry beside the names it hides. The two differ in how a whiteout is written and
// in which extra forms are read.
class WhFiles : public Dialect {
 public:
  WhFiles(std::string format, bool char_whiteouts)
      : format_(std::move(format)), char_whiteouts_(char_whiteouts) {}

  Tree encode(const Tree& meaning) const override { return encoded(meaning, ""); }
  Tree decode(const Tree& raw) const override {
    Tree meaning = decoded(raw);
    drop_moot_marks(meaning);
    return meaning;
  }

 protected:
  // Moves what the format's xattrs say into the marks.
  virtual void read_xattrs(Tree& directory) const { (void)directory; }

 private:
  Tree encoded(const Tree& meaning, const std::string& path) const {
    Tree raw = meaning;
    raw.marks = {};
    raw.children.clear();
    refuse_kernel_marks(format_, path, meaning.marks);
    if (!meaning.marks.opaque.empty()) raw.children.emplace(kOpaqueFile, empty_file());
    for (const auto& [name, child] : meaning.children) {
      if (starts_with(name, kWhiteoutPrefix))
        refuse(format_, below(path, name), "names that begin with .wh.");
      if (child.type != NodeType::whiteout)
        raw.children.emplace(name, encoded(child, below(path, name)));
      else
        add_whiteout(raw, name, child, below(path, name));
    }
    return raw;
  }

  void add_whiteout(Tree& raw, const std::string& name, const Tree& child, const std::string& path) const {
    refuse_kernel_marks(format_, path, child.marks);
    if (!char_whiteouts_) {
      if (child.marks.whiteout == "char") refuse(format_, path, "char 0/0 whiteouts");
      raw.children.emplace(std::string(kWhiteoutPrefix) + name, empty_file());
      return;
    }
    Tree node;
    node.type = NodeType::character;
    raw.children.emplace(name, std::move(node));
  }

  Tree decoded(const Tree& raw) const {
    Tree meaning = raw;
    if (raw.type != NodeType::directory) {
      read_xattrs(meaning);
      return meaning;
    }
    meaning.children.clear();
    if (raw.children.contains(std::string(kOpaqueFile))) meaning.marks.opaque = "y";
    read_xattrs(meaning);
    for (const auto& [name, child] : raw.children) {
      if (char_whiteouts_ && is_char_0_0(child) && !starts_with(name, kWhiteoutPrefix))
        meaning.children.insert_or_assign(name, whiteout());
      else if (!starts_with(name, kWhiteoutPrefix))
        meaning.children.insert_or_assign(name, decoded(child));
      else if (!starts_with(name, kReservedPrefix) && child.type == NodeType::file)
        // Where the name itself is there too, that is what shows.
        meaning.children.try_emplace(name.substr(kWhiteoutPrefix.size()), whiteout());
    }
    return meaning;
  }

  std::string format_;
  bool char_whiteouts_;
};

class FuseOverlayfs : public WhFiles {
 public:
  FuseOverlayfs() : WhFiles("fuse-overlayfs", true) {}

 protected:
  void read_xattrs(Tree& node) const override {
    for (const std::string prefix : {"trusted.overlay.", "user.overlay.", "user.fuseoverlayfs."}) {
      auto opaque = node.xattrs.find(prefix + "opaque");
      if (opaque != node.xattrs.end() && opaque->second == "y") node.marks.opaque = "y";
      if (node.xattrs.contains(prefix + "origin")) node.marks.origin = true;
      std::erase_if(node.xattrs, [&](const auto& xattr) { return starts_with(xattr.first, prefix); });
    }
  }
};

class UnionfsFuse : public Dialect {
 public:
  Tree encode(const Tree& meaning) const override {
    Tree meta;
    Tree raw = encoded(meaning, "", meta);
    if (!meta.children.empty()) raw.children.insert_or_assign(kMeta, std::move(meta));
    return raw;
  }

  Tree decode(const Tree& raw) const override {
    Tree meaning = raw;
    for (const char* name : {kOldMeta, kMeta}) {
      auto meta = raw.children.find(name);
      if (meta == raw.children.end()) continue;
      meaning.children.erase(name);
      apply(meta->second, meaning);
    }
    drop_moot_marks(meaning);
    return meaning;
  }

 private:
  static constexpr const char* kMeta = ".unionfs-fuse";
  static constexpr const char* kOldMeta = ".unionfs";
  static constexpr std::string_view kHidden = "_HIDDEN~";
  static constexpr const char* kName = "unionfs-fuse";

  static std::string hidden(const std::string& name) { return name + std::string(kHidden); }

  static bool is_hidden(const std::string& name) {
    return name.size() > kHidden.size() && name.ends_with(kHidden);
  }

  // The node without its marks; those of everything below go to `meta`, the same directory's in the second
  // tree.
  static Tree encoded(const Tree& meaning, const std::string& path, Tree& meta) {
    Tree raw = meaning;
    raw.marks = {};
    raw.children.clear();
    refuse_kernel_marks(kName, path, meaning.marks);
    if (path.empty() && !meaning.marks.opaque.empty()) refuse(kName, path, "opaque root");
    for (const auto& [name, child] : meaning.children) {
      const std::string child_path = below(path, name);
      if (path.empty() && (name == kMeta || name == kOldMeta))
        refuse(kName, child_path, "such names of its own");
      if (child.type == NodeType::whiteout) {
        refuse_kernel_marks(kName, child_path, child.marks);
        if (child.marks.whiteout) refuse(kName, child_path, "char 0/0 whiteouts");
        meta.children.emplace(hidden(name), empty_file());
        continue;
      }
      Tree child_meta;
      raw.children.emplace(name, encoded(child, child_path, child_meta));
      if (!child.marks.opaque.empty()) meta.children.emplace(hidden(name), Tree{});
      if (!child_meta.children.empty()) meta.children.emplace(name, std::move(child_meta));
    }
    return raw;
  }

  // Applies the marks in `meta` to the same directory of the layer. A mark below a directory that the layer
  // does not have says nothing about this layer: unionfs-fuse leaves such marks when it removes a directory.
  static void apply(const Tree& meta, Tree& directory) {
    for (const auto& [name, node] : meta.children) {
      if (is_hidden(name)) {
        const std::string hides = name.substr(0, name.size() - kHidden.size());
        auto [child, missing] = directory.children.try_emplace(hides, whiteout());
        if (!missing && child->second.type == NodeType::directory) child->second.marks.opaque = "y";
        continue;
      }
      auto child = directory.children.find(name);
      if (child != directory.children.end() && child->second.type == NodeType::directory)
        apply(node, child->second);
    }
  }
};

using Maker = std::function<std::unique_ptr<Dialect>(const std::string& overlay_prefix)>;

const std::map<std::string, Maker>& makers() {
  static const std::map<std::string, Maker> all = {
      {"aufs", [](const std::string&) { return aufs_dialect(); }},
      {"fuse-overlayfs", [](const std::string&) { return fuse_overlayfs_dialect(); }},
      {"overlayfs", [](const std::string& prefix) { return overlayfs_dialect(prefix); }},
      {"plain", [](const std::string&) { return plain_dialect(); }},
      {"unionfs-fuse", [](const std::string&) { return unionfs_fuse_dialect(); }},
  };
  return all;
}

}  // namespace

std::unique_ptr<Dialect> fuse_overlayfs_dialect() {
  return std::make_unique<FuseOverlayfs>();
}

std::unique_ptr<Dialect> aufs_dialect() {
  return std::make_unique<WhFiles>("aufs", false);
}

std::unique_ptr<Dialect> unionfs_fuse_dialect() {
  return std::make_unique<UnionfsFuse>();
}

const std::vector<std::string>& dialect_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const auto& [name, maker] : makers()) all.push_back(name);
    return all;
  }();
  return names;
}

std::unique_ptr<Dialect> make_dialect(const std::string& name, const std::string& overlay_prefix) {
  return makers().at(name)(overlay_prefix);
}

}  // namespace ovlcheck
