// The public class: hands every call to Core.
#include "adapters/userspace/userlay/core.h"

namespace userlay {

Overlay::Overlay(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Overlay::~Overlay() = default;

Result<std::unique_ptr<Overlay>> Overlay::mount(const MountSpec& spec) {
  auto core = std::make_unique<Core>(spec.options);
  if (auto r = core->set_up(spec); !r) return forward(r);
  return std::unique_ptr<Overlay>(new Overlay(std::move(core)));
}

const Options& Overlay::options() const {
  return core_->options();
}
bool Overlay::read_only() const {
  return core_->read_only();
}
bool Overlay::closing_may_fail() const {
  return core_->closing_may_fail();
}

Result<Entry> Overlay::lookup(NodeId parent, const std::string& name) {
  return core_->lookup(parent, name);
}
void Overlay::forget(NodeId node, std::uint64_t count) {
  if (node != kRootNode) core_->nodes().forget(node, count);
}
Result<Entry> Overlay::parent(NodeId directory) {
  return core_->parent(directory);
}
Result<struct stat> Overlay::getattr(NodeId node) {
  return core_->getattr(node);
}
Result<timespec> Overlay::birth_time(NodeId node) {
  return core_->birth_time(node);
}
Result<struct stat> Overlay::setattr(const Caller& caller, NodeId node, const SetAttr& change) {
  return core_->setattr(caller, node, change);
}
Result<std::string> Overlay::readlink(NodeId node) {
  return core_->readlink(node);
}

Result<Entry> Overlay::mknod(const Caller& caller, NodeId parent, const std::string& name, mode_t mode,
                             dev_t rdev) {
  if (S_ISDIR(mode) || S_ISLNK(mode)) return tl::unexpected(EPERM);
  NewObject what;
  what.mode = (mode & S_IFMT) == 0 ? S_IFREG | mode : mode;
  what.rdev = rdev;
  return core_->create_object(caller, parent, name, std::move(what));
}

Result<Entry> Overlay::mkdir(const Caller& caller, NodeId parent, const std::string& name, mode_t mode) {
  NewObject what;
  what.mode = S_IFDIR | (mode & 07777);
  return core_->create_object(caller, parent, name, std::move(what));
}

Result<Entry> Overlay::symlink(const Caller& caller, NodeId parent, const std::string& name,
                               const std::string& target) {
  if (target.empty()) return tl::unexpected(ENOENT);
  NewObject what;
  what.mode = S_IFLNK | 0777;
  what.target = target;
  return core_->create_object(caller, parent, name, std::move(what));
}

Result<Entry> Overlay::link(NodeId node, NodeId parent, const std::string& name) {
  return core_->link(node, parent, name);
}
Result<void> Overlay::unlink(NodeId parent, const std::string& name) {
  return core_->remove(parent, name, false);
}
Result<void> Overlay::rmdir(NodeId parent, const std::string& name) {
  return core_->remove(parent, name, true);
}
Result<void> Overlay::rename(NodeId parent, const std::string& name, NodeId new_parent,
                             const std::string& new_name, unsigned flags) {
  return core_->rename(parent, name, new_parent, new_name, flags);
}
Result<std::unique_ptr<File>> Overlay::open(const Caller& caller, NodeId node, int flags) {
  return core_->open(caller, node, flags);
}
Result<OpenedFile> Overlay::create(const Caller& caller, NodeId parent, const std::string& name, int flags,
                                   mode_t mode) {
  return core_->create(caller, parent, name, flags, mode);
}
Result<OpenedFile> Overlay::tmpfile(const Caller& caller, NodeId parent, int flags, mode_t mode) {
  return core_->tmpfile(caller, parent, flags, mode);
}
Result<std::unique_ptr<Directory>> Overlay::opendir(NodeId node) {
  return core_->opendir(node);
}
Result<std::string> Overlay::getxattr(NodeId node, const std::string& name) {
  return core_->getxattr(node, name);
}
Result<void> Overlay::setxattr(const Caller& caller, NodeId node, const std::string& name,
                               std::string_view value, int flags) {
  return core_->setxattr(caller, node, name, value, flags);
}
Result<void> Overlay::removexattr(NodeId node, const std::string& name) {
  return core_->removexattr(node, name);
}
Result<std::vector<std::string>> Overlay::listxattr(const Caller& caller, NodeId node) {
  return core_->listxattr(caller, node);
}
Result<unsigned> Overlay::get_flags(NodeId node) {
  return core_->get_flags(node);
}
Result<void> Overlay::set_flags(NodeId node, unsigned flags) {
  return core_->set_flags(node, flags);
}
Result<struct statvfs> Overlay::statfs() {
  return core_->statfs();
}
Result<void> Overlay::syncfs() {
  return core_->syncfs();
}
Result<void> Overlay::permission(const Caller& caller, NodeId node, int mask) {
  return core_->permission(caller, node, mask);
}
Result<void> Overlay::may_setattr(const Caller& caller, NodeId node, const SetAttr& change) {
  return core_->may_setattr(caller, node, change);
}
Result<void> Overlay::may_delete(const Caller& caller, NodeId parent, NodeId child) {
  return core_->may_delete(caller, parent, child);
}
Result<void> Overlay::may_setxattr(const Caller& caller, NodeId node, const std::string& name) {
  return core_->may_setxattr(caller, node, name);
}

}  // namespace userlay
