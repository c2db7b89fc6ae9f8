#include "adapters/userspace/like_kernel_layers.h"

namespace ovlcheck::like_kernel {
namespace {

Tree file(const std::string& data, mode_t mode = 0644, uid_t owner = 0) {
  Tree node;
  node.type = NodeType::file;
  node.content = Content::of(data);
  node.mode = mode;
  if (owner) node.uid = node.gid = owner;
  return node;
}

Tree link_to(const std::string& target) {
  Tree node;
  node.type = NodeType::symlink;
  node.target = target;
  return node;
}

Tree special(NodeType type) {
  Tree node;
  node.type = type;
  node.mode = 0644;
  return node;
}

Tree directory(std::map<std::string, Tree> children, mode_t mode = 0755, uid_t owner = 0) {
  Tree node;
  node.children = std::move(children);
  node.mode = mode;
  if (owner) node.uid = node.gid = owner;
  return node;
}

Tree with_xattr(Tree node, const std::string& name, const std::string& value) {
  node.xattrs[name] = value;
  return node;
}

}  // namespace

Layers plain_layers() {
  Layers layers;
  layers.lower = directory({{"f", with_xattr(file("lower"), "user.x", "1")},
                            {"d", directory({{"f", file("inner")}, {"e", directory({{"g", file("deep")}})}})},
                            {"empty", directory({})},
                            {"link", link_to("f")},
                            {"dlink", link_to("d")},
                            {"slash", link_to("d/")},
                            {"fslash", link_to("f/")},
                            {"dangling", link_to("nowhere")},
                            {"dangling2", link_to("d/nowhere")},
                            {"loop", link_to("loop")},
                            {"abs", link_to("/d/f")},
                            {"up", link_to("../../f")},
                            {"root", link_to("/")},
                            {"chain", link_to("dlink/e/g")},
                            {"fifo", special(NodeType::fifo)},
                            {"sock", special(NodeType::socket)}});
  layers.upper = directory({{"u", with_xattr(file("upper"), "user.x", "2")},
                            {"ud", directory({{"f", file("in upper")}})},
                            {"uempty", directory({})},
                            {"ulink", link_to("u")},
                            {"suid", file("set", 06755)}});
  return layers;
}

// For other users: what they own, may and may not.
Layers guarded_layers() {
  Layers layers;
  layers.lower =
      directory({{"f", with_xattr(file("root's", 0644), "user.x", "1")},
                 {"secret", file("secret", 0600)},
                 {"mine", with_xattr(file("mine", 0600, 1000), "user.x", "1")},
                 {"others", file("others", 0666, 1001)},
                 {"suid", file("suid", 06777, 1000)},
                 {"d", directory({{"f", file("inner", 0666)}})},
                 {"dark", directory({{"f", file("inner", 0666)}}, 0700)},
                 {"listed", directory({{"f", file("inner", 0666)}}, 0744)},
                 {"home", directory({{"f", file("inner", 0644, 1000)},
                                     {"other", file("other", 0644, 1001)},
                                     {"sub", directory({}, 0755)}},
                                    0755, 1000)},
                 {"sticky", directory({{"f", file("mine", 0666, 1000)},
                                       {"other", file("other", 0666, 1001)},
                                       {"link", link_to("other")},
                                       {"dir", directory({}, 0777, 1001)}},
                                      01777)},
                 {"shared", directory({{"f", file("x", 0666)}, {"e", directory({}, 0755, 1000)}}, 02777)},
                 {"rootsuid", file("suid", 06777)},
                 {"rootsgid", file("sgid", 02767)},
                 {"mlink", link_to("mine")},
                 {"slink", link_to("secret")},
                 {"fifo", special(NodeType::fifo)}});
  layers.upper = directory({{"u", file("upper", 0640)}, {"umine", file("upper", 0400, 1000)}});
  layers.upper.mode = 0777;
  layers.lower.children["shared"].gid = 5;
  return layers;
}

}  // namespace ovlcheck::like_kernel
