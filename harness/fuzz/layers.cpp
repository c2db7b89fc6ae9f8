// userlay over hostile layers. The bytes are read as commands that make files with marks in an upper and two
// lower layers; then every operation is tried on every name, and the layers are looked at: lower ones must be
// as before.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string>

#include "adapters/userspace/userlay/userlay.h"
#include "harness/fuzz/place.h"
#include "harness/fuzz/targets.h"

namespace ovlcheck {
namespace {

constexpr const char* kLayers[] = {"upper", "lower0", "lower1"};
constexpr const char* kNames[] = {"a", "b", "c", "d", "a/a", "a/b", "b/a", "b/c", "c/d", "d/d"};
constexpr const char* kMarks[] = {"opaque",   "redirect", "origin", "impure", "nlink",
                                  "metacopy", "whiteout", "uuid",   "upper",  "protattr"};

// Errors are the fuzzer's own fault: a file where a directory should be, a mark on a link.
void make_node(const std::string& path, unsigned kind, const std::string& text) {
  switch (kind % 4) {
    case 0:
      (void)::mkdir(path.c_str(), 0755);
      break;
    case 1:
      if (const Fd fd(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644)); fd)
        (void)!::write(fd.get(), text.data(), text.size());
      break;
    case 2:
      (void)::symlink(text.c_str(), path.c_str());
      break;
    default:
      (void)::mknod(path.c_str(), S_IFCHR, 0);
  }
}

void build(const std::string& place, Bytes bytes) {
  for (const char* layer : kLayers) (void)::mkdir((place + "/" + layer).c_str(), 0755);
  (void)::mkdir((place + "/work").c_str(), 0755);
  for (int commands = 0; !bytes.empty() && commands < 64; ++commands) {
    const std::string path =
        place + "/" + kLayers[bytes.next() % 3] + "/" + kNames[bytes.next() % std::size(kNames)];
    const unsigned command = bytes.next();
    const std::string text = bytes.text(bytes.next() % 64);
    if (command < 128) {
      make_node(path, command, text);
      continue;
    }
    const std::string mark = std::string("user.overlay.") + kMarks[command % std::size(kMarks)];
    (void)::lsetxattr(path.c_str(), mark.c_str(), text.data(), text.size(), 0);
  }
}

// Everything a caller can do to a node, whether it works or not.
void exercise(userlay::Overlay& overlay, userlay::NodeId parent, const std::string& name, int depth) {
  const auto caller = userlay::Caller::self();
  auto entry = overlay.lookup(parent, name);
  if (!entry) return;
  const userlay::NodeRef ref(overlay, entry->node);
  (void)overlay.getattr(ref.id());
  (void)overlay.readlink(ref.id());
  (void)overlay.listxattr(caller, ref.id());
  userlay::SetAttr change;
  change.mode = 0640;
  if (auto directory = overlay.opendir(ref.id()))
    (void)(*directory)->read(0, [](const auto&) { return true; });
  if (depth < 2 && S_ISDIR(entry->attr.st_mode))
    for (const char* child : {"a", "b", "c", "d"}) exercise(overlay, ref.id(), child, depth + 1);
  if (S_ISREG(entry->attr.st_mode))
    if (auto file = overlay.open(caller, ref.id(), O_RDWR)) {
      std::byte byte{};
      (void)(*file)->pread({&byte, 1}, 0);
      (void)(*file)->pwrite(caller, {&byte, 1}, 3);
    }
  (void)overlay.setattr(caller, ref.id(), change);
  if (auto linked = overlay.link(ref.id(), parent, name + "l")) overlay.forget(linked->node, 1);
  (void)overlay.rename(parent, name, parent, name + "r", 0);
  (void)overlay.unlink(parent, name + "l");
  (void)overlay.rmdir(parent, name + "r");
  (void)overlay.unlink(parent, name + "r");
  if (auto made = overlay.mkdir(caller, parent, name, 0755)) overlay.forget(made->node, 1);
}

}  // namespace

void fuzz_layers(std::string_view bytes) {
  const Place place;
  Bytes input(bytes);
  const unsigned options = input.next();
  build(place.path(), input);
  const uint64_t before0 = print_of(place.path() + "/lower0"), before1 = print_of(place.path() + "/lower1");
  const std::string& base = place.path();
  const auto spec =
      userlay::parse_options("userxattr,lowerdir=" + base + "/lower0:" + base + "/lower1,upperdir=" + base +
                             "/upper,workdir=" + base + "/work" + ((options & 1) ? ",index=on" : "") +
                             ((options & 2) ? ",xino=on" : "") + ((options & 4) ? ",volatile" : ""));
  if (!spec) return;
  if (auto overlay = userlay::Overlay::mount(*spec))
    for (const char* name : {"a", "b", "c", "d"}) exercise(**overlay, userlay::kRootNode, name, 0);
  if (print_of(base + "/lower0") != before0 || print_of(base + "/lower1") != before1) std::abort();
}

}  // namespace ovlcheck
