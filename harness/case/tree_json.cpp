// Trees <-> JSON as cases/README.md describes them.
#include <limits>

#include "harness/case/place.h"
#include "harness/case/tree.h"

namespace ovlcheck {
namespace {

// Deeper trees are refused: reading and destroying them recurses.
constexpr int deepest = 1000;

const std::string& text_of(const Json& json, const Place& place) {
  if (!json.is_string()) place.fail("must be text");
  return json.get_ref<const std::string&>();
}

bool flag_of(const Json& json, const Place& place) {
  if (!json.is_boolean()) place.fail("must be true or false");
  return json.get<bool>();
}

void demand_true(const Json& json, const Place& place) {
  if (!flag_of(json, place)) place.fail("can only be true; leave it out instead");
}

uint64_t count_of(const Json& json, const Place& place) {
  if (!json.is_number_unsigned()) place.fail("must be a whole number, 0 or more");
  return json.get<uint64_t>();
}

unsigned id_of(const Json& json, const Place& place) {
  const uint64_t id = count_of(json, place);
  if (id > std::numeric_limits<unsigned>::max()) place.fail("is too large");
  return static_cast<unsigned>(id);
}

mode_t mode_of(const Json& json, const Place& place) {
  const std::string& text = text_of(json, place);
  mode_t mode = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') place.fail("must be octal text such as \"0644\"");
    mode = mode * 8 + static_cast<mode_t>(c - '0');
  }
  if (text.empty() || text.size() > 5 || mode > 07777) place.fail("must be octal text such as \"0644\"");
  return mode;
}

Time time_of(const Json& json, const Place& place) {
  if (json.is_number_integer()) return {json.get<int64_t>(), 0};
  if (!json.is_array() || json.size() != 2 || !json[0].is_number_integer() || !json[1].is_number_integer() ||
      json[1].get<int64_t>() < 0 || json[1].get<int64_t>() > 999999999)
    place.fail("must be seconds or [seconds, nanoseconds]");
  return {json[0].get<int64_t>(), json[1].get<int64_t>()};
}

Piece piece_of(const Json& json, const Place& place) {
  if (!json.is_object()) place.fail("must be an object with data, hole or fill");
  Piece piece;
  bool sized = false;
  std::string_view kind;
  for (const auto& [key, value] : json.items()) {
    const Place here = place.in(key);
    if (key == "size") {
      piece.size = count_of(value, here);
      sized = true;
      continue;
    }
    if (!kind.empty()) place.fail("must have only one of data, hole and fill");
    kind = key;
    if (key == "data") {
      piece.bytes = bytes_from_text(text_of(value, here));
      piece.size = piece.bytes.size();
    } else if (key == "hole") {
      piece.kind = Piece::Kind::hole;
      piece.size = count_of(value, here);
    } else if (key == "fill") {
      piece.kind = Piece::Kind::fill;
      piece.bytes = bytes_from_text(text_of(value, here));
      if (piece.bytes.size() != 1) here.fail("must be one byte");
    } else if (key == "digest") {
      piece.kind = Piece::Kind::digest;
      piece.bytes = text_of(value, here);
    } else {
      here.fail("unknown member of a piece of content");
    }
  }
  const bool wants_size = piece.kind == Piece::Kind::fill || piece.kind == Piece::Kind::digest;
  if (kind.empty() || sized != wants_size)
    place.fail(R"(must be {"data": text}, {"hole": bytes} or {"fill": byte, "size": bytes})");
  return piece;
}

Content content_of(const Json& json, const Place& place) {
  if (json.is_string()) return Content::of(bytes_from_text(json.get_ref<const std::string&>()));
  if (!json.is_array()) place.fail("must be text or an array of pieces");
  Content content;
  uint64_t room = std::numeric_limits<int64_t>::max();
  for (size_t i = 0; i < json.size(); ++i) {
    const std::string index = std::to_string(i);
    Piece piece = piece_of(json[i], place.in(index));
    if (piece.size > room) place.in(index).fail("makes the file larger than any can be");
    room -= piece.size;
    if (piece.size) content.pieces.push_back(std::move(piece));
  }
  return content;
}

void read_device(const Json& json, const Place& place, Tree& node) {
  if (!json.is_array() || json.size() != 2) place.fail("must be [major, minor]");
  node.major = id_of(json[0], place.in("0"));
  node.minor = id_of(json[1], place.in("1"));
}

void read_whiteout(const Json& json, const Place& place, Tree& node) {
  if (json.is_boolean() && json.get<bool>()) return;
  if (!json.is_string() || (json != "char" && json != "xattr"))
    place.fail("must be true, \"char\" or \"xattr\"");
  node.marks.whiteout = json.get<std::string>();
}

// Reads a member that says what the node is; false if it is an attribute.
bool read_type(const std::string& key, const Json& value, const Place& place, Tree& node) {
  if (key == "file") {
    node.type = NodeType::file;
    node.content = content_of(value, place);
  } else if (key == "symlink" || key == "hardlink") {
    node.type = key == "symlink" ? NodeType::symlink : NodeType::hardlink;
    node.target = bytes_from_text(text_of(value, place));
  } else if (key == "fifo" || key == "socket") {
    node.type = key == "fifo" ? NodeType::fifo : NodeType::socket;
    demand_true(value, place);
  } else if (key == "char" || key == "block") {
    node.type = key == "char" ? NodeType::character : NodeType::block;
    read_device(value, place, node);
  } else if (key == "whiteout") {
    node.type = NodeType::whiteout;
    read_whiteout(value, place, node);
  } else {
    return false;
  }
  return true;
}

void read_xattrs(const Json& json, const Place& place, Tree& node) {
  if (!json.is_object()) place.fail("must be an object, name to text");
  for (const auto& [key, value] : json.items()) {
    const std::string name = bytes_from_text(key);
    if (!value.is_boolean())
      node.xattrs[name] = bytes_from_text(text_of(value, place.in(key)));
    else if (value.get<bool>())
      node.xattrs_present.push_back(name);
    else
      node.xattrs[name] = std::nullopt;
  }
}

std::string opaque_of(const Json& json, const Place& place) {
  if (json.is_boolean() && json.get<bool>()) return "y";
  if (!json.is_string() || json != "x") place.fail("must be true or \"x\"");
  return "x";
}

// Reads an overlay mark; false if it is none.
bool read_mark(const std::string& key, const Json& value, const Place& place, Marks& marks) {
  if (key == "opaque")
    marks.opaque = opaque_of(value, place);
  else if (key == "redirect")
    marks.redirect = bytes_from_text(text_of(value, place));
  else if (key == "metacopy")
    demand_true(value, place), marks.metacopy = true;
  else if (key == "origin")
    marks.origin = flag_of(value, place);
  else if (key == "impure")
    marks.impure = flag_of(value, place);
  else
    return false;
  return true;
}

void read_attribute(const std::string& key, const Json& value, const Place& place, Tree& node) {
  if (key == "mode")
    node.mode = mode_of(value, place);
  else if (key == "uid")
    node.uid = id_of(value, place);
  else if (key == "gid")
    node.gid = id_of(value, place);
  else if (key == "mtime")
    node.mtime = time_of(value, place);
  else if (key == "atime")
    node.atime = time_of(value, place);
  else if (key == "xattrs")
    read_xattrs(value, place, node);
  else if (key == "acl")
    node.acl = text_of(value, place);
  else if (key == "default_acl")
    node.default_acl = text_of(value, place);
  else if (key == "nlink")
    node.nlink = count_of(value, place);
  else if (key == "size")
    node.size = count_of(value, place);
  else if (key == "sparse")
    node.sparse = flag_of(value, place);
  else if (key == "ino")
    node.ino = count_of(value, place);
  else if (key == "dev")
    node.dev = count_of(value, place);
  else if (key == "trouble")
    node.trouble = text_of(value, place);
  else if (!read_mark(key, value, place, node.marks))
    place.fail("unknown attribute");
}

void read_directory(const Json& json, const Place& place, int depth, Tree& node);

// `directory`: its name ends in a slash.
Tree read_node(const Json& json, bool directory, const Place& place, int depth) {
  Tree node;
  if (json.is_boolean()) {
    node.match = json.get<bool>() ? Match::anything : Match::absent;
    node.type = directory ? NodeType::directory : NodeType::file;
  } else if (directory) {
    if (!json.is_object()) place.fail("a name that ends in \"/\" is a directory; its value must be a tree");
    read_directory(json, place, depth, node);
  } else if (json.is_string()) {
    node.type = NodeType::file;
    node.content = content_of(json, place);
  } else if (json.is_object()) {
    bool typed = false;
    for (const auto& [key, value] : json.items()) {
      const Place here = place.in(key);
      if (!read_type(key, value, here, node))
        read_attribute(key, value, here, node);
      else if (std::exchange(typed, true))
        here.fail("a node is only one thing: file, symlink, fifo, socket, char, block, hardlink or whiteout");
    }
    if (!typed)
      place.fail(
          "says not what it is: file, symlink, fifo, socket, char, block, hardlink or whiteout "
          "(the name of a directory ends in \"/\")");
  } else {
    place.fail("must be text (a file), an object, true or false");
  }
  return node;
}

void add_child(std::string_view key, const Json& value, const Place& place, int depth, Tree& node) {
  const bool directory = key.ends_with('/');
  std::string name = bytes_from_text(directory ? key.substr(0, key.size() - 1) : key);
  if (name.empty() || name == "." || name == ".." ||
      name.find_first_of(std::string_view("/\0", 2)) != name.npos)
    place.fail("is not the name of a node; write nested directories as nested trees");
  const auto [child, added] = node.children.try_emplace(std::move(name));
  if (!added) place.fail("there is already a node of this name");
  child->second = read_node(value, directory, place, depth + 1);
}

void read_directory(const Json& json, const Place& place, int depth, Tree& node) {
  if (depth > deepest) place.fail("is nested too deeply");
  for (const auto& [key, value] : json.items()) {
    const Place here = place.in(key);
    if (key == ".") {
      if (!value.is_object()) here.fail("must be an object with the directory's attributes");
      for (const auto& [attribute, setting] : value.items())
        read_attribute(attribute, setting, here.in(attribute), node);
    } else if (key == "..." && value.is_boolean() && value.get<bool>()) {
      node.others_allowed = true;
    } else {
      add_child(key, value, here, depth, node);
    }
  }
}

std::string mode_text(mode_t mode) {
  std::string digits(4, '0');
  for (size_t i = 0; i < 4; ++i) digits[i] = static_cast<char>('0' + (mode >> (9 - 3 * i) & 7));
  return digits;
}

Json time_json(const Time& time) {
  if (time.nsec == 0) return time.sec;
  return Json::array({time.sec, time.nsec});
}

Json piece_json(const Piece& piece) {
  switch (piece.kind) {
    case Piece::Kind::data:
      return {{"data", text_from_bytes(piece.bytes)}};
    case Piece::Kind::fill:
      return {{"fill", text_from_bytes(piece.bytes)}, {"size", piece.size}};
    case Piece::Kind::hole:
      return {{"hole", piece.size}};
    case Piece::Kind::digest:
      return {{"digest", piece.bytes}, {"size", piece.size}};
  }
  return {};
}

Json content_json(const Content& content) {
  if (content.pieces.empty()) return "";
  if (content.pieces.size() == 1 && content.pieces[0].kind == Piece::Kind::data)
    return text_from_bytes(content.pieces[0].bytes);
  Json pieces = Json::array();
  for (const Piece& piece : content.pieces) pieces.push_back(piece_json(piece));
  return pieces;
}

void write_type(const Tree& node, Json& json) {
  const char* key = type_name(node.type);
  switch (node.type) {
    case NodeType::file:
      json[key] = content_json(node.content);
      break;
    case NodeType::symlink:
    case NodeType::hardlink:
      json[key] = text_from_bytes(node.target);
      break;
    case NodeType::fifo:
    case NodeType::socket:
      json[key] = true;
      break;
    case NodeType::character:
    case NodeType::block:
      json[key] = Json::array({node.major, node.minor});
      break;
    case NodeType::whiteout:
      json[key] = node.marks.whiteout ? Json(*node.marks.whiteout) : Json(true);
      break;
    case NodeType::directory:
      break;
  }
}

void write_marks(const Marks& marks, Json& json) {
  if (marks.opaque == "x")
    json["opaque"] = "x";
  else if (!marks.opaque.empty())
    json["opaque"] = true;
  if (marks.redirect) json["redirect"] = text_from_bytes(*marks.redirect);
  if (marks.metacopy) json["metacopy"] = true;
  if (marks.origin) json["origin"] = *marks.origin;
  if (marks.impure) json["impure"] = *marks.impure;
}

void write_xattrs(const Tree& node, Json& json) {
  if (node.xattrs.empty() && node.xattrs_present.empty()) return;
  Json& xattrs = json["xattrs"] = Json::object();
  for (const auto& [name, value] : node.xattrs)
    xattrs[text_from_bytes(name)] = value ? Json(text_from_bytes(*value)) : Json(false);
  for (const std::string& name : node.xattrs_present) xattrs[text_from_bytes(name)] = true;
}

void write_attributes(const Tree& node, Json& json) {
  if (node.mode) json["mode"] = mode_text(*node.mode);
  if (node.uid) json["uid"] = *node.uid;
  if (node.gid) json["gid"] = *node.gid;
  if (node.mtime) json["mtime"] = time_json(*node.mtime);
  if (node.atime) json["atime"] = time_json(*node.atime);
  write_xattrs(node, json);
  if (node.acl) json["acl"] = *node.acl;
  if (node.default_acl) json["default_acl"] = *node.default_acl;
  write_marks(node.marks, json);
  if (node.nlink) json["nlink"] = *node.nlink;
  if (node.size) json["size"] = *node.size;
  if (node.sparse) json["sparse"] = *node.sparse;
  if (node.ino) json["ino"] = node.ino;
  if (node.dev) json["dev"] = node.dev;
  if (!node.trouble.empty()) json["trouble"] = text_from_bytes(node.trouble);
}

Json node_json(const Tree& node) {
  if (node.match != Match::node) return node.match == Match::anything;
  if (node.type == NodeType::directory) return json_from_tree(node);
  Json json = Json::object();
  write_type(node, json);
  write_attributes(node, json);
  const bool bare_file = node.type == NodeType::file && json.size() == 1 && json["file"].is_string();
  return bare_file ? json["file"] : json;
}

}  // namespace

Tree tree_from_json(const Json& json, const std::string& where) {
  const Place place{nullptr, where};
  if (!json.is_object()) place.fail("a tree must be an object, name to node");
  Tree root;
  read_directory(json, place, 0, root);
  return root;
}

Json json_from_tree(const Tree& tree) {
  Json json = Json::object();
  Json own = Json::object();
  write_attributes(tree, own);
  if (!own.empty()) json["."] = std::move(own);
  for (const auto& [name, child] : tree.children) {
    std::string key = text_from_bytes(name);
    if (child.type == NodeType::directory) key += '/';
    json[key] = node_json(child);
  }
  if (tree.others_allowed) json["..."] = true;
  return json;
}

}  // namespace ovlcheck
