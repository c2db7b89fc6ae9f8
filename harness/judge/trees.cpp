#include "harness/judge/trees.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/judge/judge.h"

namespace ovlcheck {
namespace {

constexpr size_t kShownBytes = 60;

// A byte string as it would stand in a case.
std::string quote(std::string_view bytes) {
  return Json(text_from_bytes(bytes)).dump();
}

std::string yes_or_no(bool yes) {
  return yes ? "yes" : "no";
}

std::string in_words(const Time& time) {
  if (time == kTimeOfTheRun) return "the time of the run";
  return time.nsec == 0 ? fmt::format("{}", time.sec) : fmt::format("{}.{:09}", time.sec, time.nsec);
}

std::string opaque_in_words(const std::string& opaque) {
  return opaque.empty() ? "no" : opaque == "y" ? "yes" : opaque;
}

class Comparison {
 public:
  Comparison(const Tree& expected, const Tree& observed) : expected_(expected), observed_(observed) {}

  std::vector<TreeDifference> run() {
    compare("", expected_, observed_);
    return std::move(differences_);
  }

 private:
  void differ(const std::string& path, const std::string& what, std::string expected, std::string observed) {
    differences_.push_back(
        {path.empty() ? "." : text_from_bytes(path), what, std::move(expected), std::move(observed)});
  }

  template <class T>
  void compare_if_given(const std::string& path, const char* what, const std::optional<T>& expected,
                        const std::optional<T>& observed, auto words) {
    if (!expected || expected == observed) return;
    differ(path, what, words(*expected), observed ? words(*observed) : "unknown");
  }

  // The node that carries the attributes of `node` of the observed tree.
  const Tree& resolved(const Tree& node) const {
    if (node.type != NodeType::hardlink) return node;
    const Tree* other = find_node(observed_, node.target);
    return other ? *other : node;
  }

  void compare(const std::string& path, const Tree& expected, const Tree& found) {
    if (expected.match == Match::anything) return;
    if (!found.trouble.empty()) return differ(path, "trouble", ovlcheck::in_words(expected), found.trouble);
    const Tree& observed = resolved(found);
    if (expected.type == NodeType::hardlink) {
      compare_link(path, expected, observed);
    } else if (expected.type != observed.type) {
      return differ(path, "type", ovlcheck::in_words(expected), ovlcheck::in_words(observed));
    } else {
      compare_kind(path, expected, observed);
    }
    compare_attributes(path, expected, observed);
    compare_marks(path, expected.marks, observed.marks);
    if (expected.type == NodeType::directory) compare_children(path, expected, observed);
  }

  void compare_link(const std::string& path, const Tree& expected, const Tree& observed) {
    const Tree* other = find_node(observed_, expected.target);
    if (other) other = &resolved(*other);
    const bool same = other && (other == &observed || (observed.ino != 0 && other->ino == observed.ino &&
                                                       other->dev == observed.dev));
    if (!same)
      differ(path, "hardlink", "the same file as " + text_from_bytes(expected.target),
             "another " + ovlcheck::in_words(observed));
  }

  void compare_kind(const std::string& path, const Tree& expected, const Tree& observed) {
    switch (expected.type) {
      case NodeType::file:
        if (!expected.marks.metacopy && !expected.content.same_bytes(observed.content))
          differ(path, "content", ovlcheck::in_words(expected.content), ovlcheck::in_words(observed.content));
        break;
      case NodeType::symlink:
        if (expected.target != observed.target)
          differ(path, "target", text_from_bytes(expected.target), text_from_bytes(observed.target));
        break;
      case NodeType::character:
      case NodeType::block:
        if (expected.major != observed.major || expected.minor != observed.minor)
          differ(path, "device", fmt::format("{}:{}", expected.major, expected.minor),
                 fmt::format("{}:{}", observed.major, observed.minor));
        break;
      case NodeType::whiteout:
        if (expected.marks.whiteout && expected.marks.whiteout != observed.marks.whiteout)
          differ(path, "whiteout", *expected.marks.whiteout, observed.marks.whiteout.value_or("unknown"));
        break;
      default:
        break;
    }
  }

  void compare_attributes(const std::string& path, const Tree& expected, const Tree& observed) {
    auto number = [](auto value) { return fmt::format("{}", value); };
    auto time = [](const Time& value) { return in_words(value); };
    auto text = [](const std::string& value) { return value.empty() ? "none" : value; };
    compare_if_given(path, "mode", expected.mode, observed.mode,
                     [](mode_t mode) { return fmt::format("{:04o}", mode); });
    compare_if_given(path, "uid", expected.uid, observed.uid, number);
    compare_if_given(path, "gid", expected.gid, observed.gid, number);
    compare_if_given(path, "mtime", expected.mtime, observed.mtime, time);
    compare_if_given(path, "atime", expected.atime, observed.atime, time);
    compare_if_given(path, "nlink", expected.nlink, observed.nlink, number);
    compare_if_given(path, "size", expected.size, observed.size, number);
    compare_if_given(path, "sparse", expected.sparse, observed.sparse,
                     [](bool yes) { return yes_or_no(yes); });
    // No ACL is the same as an empty one.
    if (expected.acl.value_or("") != observed.acl.value_or("") && expected.acl)
      differ(path, "acl", text(*expected.acl), text(observed.acl.value_or("")));
    if (expected.default_acl.value_or("") != observed.default_acl.value_or("") && expected.default_acl)
      differ(path, "default_acl", text(*expected.default_acl), text(observed.default_acl.value_or("")));
    compare_xattrs(path, expected, observed);
  }

  void compare_xattrs(const std::string& path, const Tree& expected, const Tree& observed) {
    auto value_in_words = [&observed](const std::string& name) -> std::string {
      auto it = observed.xattrs.find(name);
      return it == observed.xattrs.end() || !it->second ? "absent" : quote(*it->second);
    };
    for (const auto& [name, value] : expected.xattrs) {
      const std::string wanted = value ? quote(*value) : "absent";
      const std::string seen = value_in_words(name);
      if (wanted != seen) differ(path, "xattr " + text_from_bytes(name), wanted, seen);
    }
    for (const std::string& name : expected.xattrs_present)
      if (value_in_words(name) == "absent")
        differ(path, "xattr " + text_from_bytes(name), "present", "absent");
  }

  void compare_marks(const std::string& path, const Marks& expected, const Marks& observed) {
    if (expected.opaque != observed.opaque)
      differ(path, "opaque", opaque_in_words(expected.opaque), opaque_in_words(observed.opaque));
    if (expected.redirect != observed.redirect)
      differ(path, "redirect", text_from_bytes(expected.redirect.value_or("none")),
             text_from_bytes(observed.redirect.value_or("none")));
    if (expected.metacopy != observed.metacopy)
      differ(path, "metacopy", yes_or_no(expected.metacopy), yes_or_no(observed.metacopy));
    if (expected.origin && expected.origin != observed.origin.value_or(false))
      differ(path, "origin", yes_or_no(*expected.origin), yes_or_no(!*expected.origin));
    if (expected.impure && expected.impure != observed.impure.value_or(false))
      differ(path, "impure", yes_or_no(*expected.impure), yes_or_no(!*expected.impure));
  }

  void compare_children(const std::string& path, const Tree& expected, const Tree& observed) {
    auto below = [&path](const std::string& name) { return path.empty() ? name : path + "/" + name; };
    auto want = expected.children.begin();
    auto have = observed.children.begin();
    while (want != expected.children.end() || have != observed.children.end()) {
      if (have == observed.children.end() || (want != expected.children.end() && want->first < have->first)) {
        if (want->second.match != Match::absent)
          differ(below(want->first), "missing", ovlcheck::in_words(want->second), "");
        ++want;
      } else if (want == expected.children.end() || have->first < want->first) {
        if (!expected.others_allowed)
          differ(below(have->first), "unexpected", "", ovlcheck::in_words(have->second));
        ++have;
      } else {
        if (want->second.match == Match::absent)
          differ(below(have->first), "unexpected", "", ovlcheck::in_words(have->second));
        else
          compare(below(want->first), want->second, have->second);
        ++want, ++have;
      }
    }
  }

  const Tree& expected_;
  const Tree& observed_;
  std::vector<TreeDifference> differences_;
};

}  // namespace

std::string in_words(const Content& content) {
  std::string head;
  for (const Piece& piece : content.pieces) {
    if (head.size() > kShownBytes) break;
    switch (piece.kind) {
      case Piece::Kind::data:
        head += piece.bytes;
        break;
      case Piece::Kind::fill:
        head.append(std::min<uint64_t>(piece.size, kShownBytes + 1),
                    piece.bytes.empty() ? '\0' : piece.bytes[0]);
        break;
      case Piece::Kind::hole:
        head.append(std::min<uint64_t>(piece.size, kShownBytes + 1), '\0');
        break;
      case Piece::Kind::digest:
        return fmt::format("{} bytes with digest {}", content.size(), content.digest());
    }
  }
  if (head.size() <= kShownBytes && head.size() == content.size()) return quote(head);
  return fmt::format("{} bytes with digest {}, first {}", content.size(), content.digest(),
                     quote(std::string_view(head).substr(0, kShownBytes / 2)));
}

std::string in_words(const Tree& node) {
  if (node.match == Match::anything) return "anything";
  if (!node.trouble.empty()) return node.trouble;
  switch (node.type) {
    case NodeType::file:
      if (node.marks.metacopy) return "file (metacopy)";
      return "file " + in_words(node.content);
    case NodeType::symlink:
      return "symlink -> " + text_from_bytes(node.target);
    case NodeType::hardlink:
      return "hard link to " + text_from_bytes(node.target);
    case NodeType::character:
    case NodeType::block:
      return fmt::format("{} {}:{}", type_name(node.type), node.major, node.minor);
    case NodeType::directory:
      return node.marks.opaque.empty() ? "dir" : "opaque dir";
    default:
      return type_name(node.type);
  }
}

std::vector<TreeDifference> compare_trees(const Tree& expected, const Tree& observed) {
  return Comparison(expected, observed).run();
}

}  // namespace ovlcheck
