#include "adapters/userspace/userlay/node.h"

namespace userlay {

// Dead entries are dropped when the map has doubled, so that no destructor needs the table's lock.
template <class Map>
void NodeTable::sweep(Map& map, std::size_t& limit) {
  if (map.size() < limit) return;
  std::erase_if(map, [](const auto& item) { return item.second.expired(); });
  limit = std::max<std::size_t>(1024, map.size() * 2);
}

NodePtr NodeTable::get(NodeId id) {
  std::lock_guard lock(mutex_);
  const auto found = referenced_.find(id);
  return found == referenced_.end() ? nullptr : found->second;
}

void NodeTable::ref(const NodePtr& node) {
  std::lock_guard lock(mutex_);
  if (node->lookups++ == 0) referenced_[node->id] = node;
}

void NodeTable::forget(NodeId id, std::uint64_t count) {
  NodePtr last;  // destroyed after the lock is gone
  std::lock_guard lock(mutex_);
  const auto found = referenced_.find(id);
  if (found == referenced_.end()) return;
  Node& node = *found->second;
  node.lookups -= std::min(node.lookups, count);
  if (node.lookups > 0) return;
  last = std::move(found->second);
  referenced_.erase(found);
}

bool NodeTable::referenced(const Node& node) {
  std::lock_guard lock(mutex_);
  return node.lookups > 0;
}

NodePtr NodeTable::child(const Node& parent, const std::string& name) {
  std::lock_guard lock(mutex_);
  const auto found = names_.find(Name{parent.id, name});
  return found == names_.end() ? nullptr : found->second.lock();
}

NodePtr NodeTable::by_identity(const Identity& identity) {
  std::lock_guard lock(mutex_);
  const auto found = identities_.find(identity);
  return found == identities_.end() ? nullptr : found->second.lock();
}

void NodeTable::set_child(const Node& parent, const std::string& name, const NodePtr& node) {
  std::lock_guard lock(mutex_);
  sweep(names_, names_limit_);
  names_[Name{parent.id, name}] = node;
}

void NodeTable::drop_child(const Node& parent, const std::string& name) {
  std::lock_guard lock(mutex_);
  names_.erase(Name{parent.id, name});
}

void NodeTable::set_identity(const Identity& identity, const NodePtr& node) {
  std::lock_guard lock(mutex_);
  sweep(identities_, identities_limit_);
  identities_[identity] = node;
}

void NodeTable::drop_identity(const Identity& identity, const Node& node) {
  std::lock_guard lock(mutex_);
  const auto found = identities_.find(identity);
  if (found != identities_.end() && found->second.lock().get() == &node) identities_.erase(found);
}

void NodeTable::touch(const NodePtr& node) {
  NodePtr displaced;
  std::lock_guard lock(mutex_);
  if (recent_.size() < keep_) {
    recent_.push_back(node);
    return;
  }
  if (recent_.empty()) return;
  displaced = std::exchange(recent_[next_recent_], node);
  next_recent_ = (next_recent_ + 1) % recent_.size();
}

}  // namespace userlay
