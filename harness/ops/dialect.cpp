#include "harness/ops/dialect.h"

#include <string_view>

#include "harness/case/problem.h"

namespace ovlcheck {
namespace {

bool is_whiteout_device(const Tree& node) {
  return node.type == NodeType::character && node.major == 0 && node.minor == 0;
}

class OverlayfsDialect : public Dialect {
 public:
  explicit OverlayfsDialect(std::string prefix) : prefix_(std::move(prefix)) {}

  Tree encode(const Tree& meaning) const override {
    if (meaning.marks.origin.value_or(false))
      throw BadCase(
          "", "an origin mark holds a file handle and cannot be built from a tree; let a copy_up write it");
    Tree raw = meaning;
    raw.marks = {};
    if (meaning.type == NodeType::whiteout) return whiteout(meaning);
    bool has_xattr_whiteouts = false;
    for (auto& [name, child] : raw.children) {
      has_xattr_whiteouts = has_xattr_whiteouts || (child.type == NodeType::whiteout &&
                                                    child.marks.whiteout.value_or("") == "xattr");
      child = encode(child);
    }
    // Readdir looks for xattr whiteouts only in directories that say so (Documentation, "whiteouts and opaque
    // directories").
    if (!meaning.marks.opaque.empty())
      raw.xattrs[prefix_ + "opaque"] = meaning.marks.opaque;
    else if (has_xattr_whiteouts)
      raw.xattrs[prefix_ + "opaque"] = "x";
    if (meaning.marks.redirect) raw.xattrs[prefix_ + "redirect"] = *meaning.marks.redirect;
    if (meaning.marks.metacopy) raw.xattrs[prefix_ + "metacopy"] = "";
    if (meaning.marks.impure.value_or(false)) raw.xattrs[prefix_ + "impure"] = "y";
    return raw;
  }

  Tree decode(const Tree& raw) const override {
    if (is_whiteout_device(raw)) return found_whiteout(raw, "char");
    Tree meaning = raw;
    if (raw.type == NodeType::file && raw.content.size() == 0 && take(meaning, "whiteout"))
      return found_whiteout(meaning, "xattr");
    if (auto opaque = take(meaning, "opaque")) meaning.marks.opaque = *opaque;
    if (auto redirect = take(meaning, "redirect")) meaning.marks.redirect = *redirect;
    meaning.marks.metacopy = take(meaning, "metacopy").has_value();
    meaning.marks.origin = take(meaning, "origin").has_value();
    meaning.marks.impure = take(meaning, "impure").has_value();
    // Bookkeeping of index, nfs_export and uuid that no tree is written in terms of.
    for (const char* name : {"nlink", "upper", "uuid", "protattr"}) (void)take(meaning, name);
    for (auto& [name, child] : meaning.children) child = decode(child);
    return meaning;
  }

 private:
  Tree whiteout(const Tree& meaning) const {
    Tree raw = meaning;
    raw.marks = {};
    if (meaning.marks.whiteout.value_or("char") == "char") {
      raw.type = NodeType::character;
      raw.major = raw.minor = 0;
      return raw;
    }
    raw.type = NodeType::file;
    raw.xattrs[prefix_ + "whiteout"] = "y";
    return raw;
  }

  static Tree found_whiteout(const Tree& raw, const char* format) {
    Tree meaning = raw;
    meaning.type = NodeType::whiteout;
    meaning.marks = {};
    meaning.marks.whiteout = format;
    return meaning;
  }

  // The value of overlay's xattr `name`, removed from the node.
  std::optional<std::string> take(Tree& node, const char* name) const {
    auto found = node.xattrs.find(prefix_ + name);
    if (found == node.xattrs.end()) return std::nullopt;
    std::string value = found->second.value_or("");
    node.xattrs.erase(found);
    return value;
  }

  std::string prefix_;
};

class PlainDialect : public Dialect {
 public:
  Tree encode(const Tree& meaning) const override {
    const Marks& marks = meaning.marks;
    if (meaning.type == NodeType::whiteout || !marks.opaque.empty() || marks.redirect || marks.metacopy ||
        marks.origin || marks.impure)
      throw BadCase("", "a plain directory has no whiteouts and no marks");
    for (const auto& [name, child] : meaning.children) (void)encode(child);
    return meaning;
  }
  Tree decode(const Tree& raw) const override { return raw; }
};

}  // namespace

std::unique_ptr<Dialect> overlayfs_dialect(const std::string& prefix) {
  return std::make_unique<OverlayfsDialect>(prefix);
}

std::unique_ptr<Dialect> plain_dialect() {
  return std::make_unique<PlainDialect>();
}

}  // namespace ovlcheck
