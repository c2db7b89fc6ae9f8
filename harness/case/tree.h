// Tree: a directory tree as a value - what a layer shall be built as, what was seen, or what is expected.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/case/json.h"

namespace ovlcheck {

enum class NodeType { file, directory, symlink, fifo, socket, character, block, hardlink, whiteout };

// "file", "dir", "symlink", "fifo", "socket", "char", "block", "hardlink", "whiteout".
const char* type_name(NodeType type);

struct Time {
  int64_t sec = 0;
  int64_t nsec = 0;
  bool operator==(const Time&) const = default;
};

// One stretch of a file's content. `data` holds the bytes; `fill` repeats one byte; a hole reads as zeroes
// and is never written; `digest` stands for content too long to carry (observed trees only).
struct Piece {
  enum class Kind { data, fill, hole, digest };
  Kind kind = Kind::data;
  std::string bytes;  // data: the bytes; fill: one byte; digest: what Content::digest() would return
  uint64_t size = 0;  // in bytes
  bool operator==(const Piece&) const = default;
};

// A file's content.
struct Content {
  std::vector<Piece> pieces;

  static Content of(std::string bytes);
  uint64_t size() const;
  // FNV-1a of all bytes as 16 hex digits; equal contents have equal digests however they are pieced.
  std::string digest() const;
  bool same_bytes(const Content& other) const;
};

// How a node of an expected tree is compared. `anything` with the type directory was written "d/": true and
// asks for a directory, with any other type for no matter what.
enum class Match { node, anything, absent };

// What overlayfs writes on a node besides its content, in terms of meaning.
struct Marks {
  std::string opaque;  // "" none, "y" hides lower directories, "x" may hold xattr whiteouts
  std::optional<std::string> redirect;
  std::optional<std::string>
      whiteout;  // requested format of a whiteout: "char", "xattr"; empty: the subject's own
  bool metacopy = false;
  std::optional<bool> origin;  // expectation: compared where set
  std::optional<bool> impure;
};

// One node with everything below it. Attributes that are not set are "default" when building and "not
// compared" when expecting; a snapshot sets them all.
struct Tree {
  NodeType type = NodeType::directory;
  Match match = Match::node;

  Content content;                // file
  std::string target;             // symlink: its target; hardlink: path of the other name from the root
  unsigned major = 0, minor = 0;  // character, block
  std::map<std::string, Tree> children;  // directory; names are bytes
  bool others_allowed = false;           // directory of an expectation: "..." was given

  std::optional<mode_t> mode;  // 07777 bits
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  std::optional<Time> mtime, atime;
  // Value, or for expectations only: nullopt = must be absent, and `xattrs_present` names that may have any
  // value.
  std::map<std::string, std::optional<std::string>> xattrs;
  std::vector<std::string> xattrs_present;
  std::optional<std::string> acl, default_acl;
  Marks marks;

  // Expectations and snapshots.
  std::optional<uint64_t> nlink, size;
  std::optional<bool> sparse;

  // Snapshots only.
  uint64_t ino = 0, dev = 0;
  // What went wrong while looking at this node ("readdir names it, stat says ENOENT"); empty if nothing.
  std::string trouble;
};

// JSON <-> Tree as described in cases/README.md. `tree_from_json` expects schema-valid input and throws
// BadCase (see problem.h) on what the schema cannot say; `where` is the JSON pointer of `json`.
Tree tree_from_json(const Json& json, const std::string& where);
Json json_from_tree(const Tree& tree);

// The node at `path` ("d/f", "" = the root), or nullptr.
const Tree* find_node(const Tree& root, std::string_view path);
Tree* find_node(Tree& root, std::string_view path);

}  // namespace ovlcheck
