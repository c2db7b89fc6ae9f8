#include "adapters/userspace/userlay/real.h"

namespace userlay {

Real::~Real() {
  cache->erase(*this);
}

FdPtr FdCache::cached(Real& real) {
  if (real.pinned) return real.pinned;
  std::lock_guard lock(mutex_);
  if (!real.cached_) return nullptr;
  uses_.splice(uses_.begin(), uses_, real.use_);
  return real.cached_;
}

void FdCache::insert(Real& real, FdPtr fd) {
  FdPtr evicted;  // closed after the lock is gone
  std::lock_guard lock(mutex_);
  if (real.cached_) return;
  if (uses_.size() >= capacity_) {
    evicted = std::move(uses_.back()->cached_);
    uses_.back()->cached_ = nullptr;
    uses_.pop_back();
  }
  uses_.push_front(&real);
  real.use_ = uses_.begin();
  real.cached_ = std::move(fd);
}

void FdCache::erase(Real& real) {
  FdPtr closing;
  std::lock_guard lock(mutex_);
  if (!real.cached_) return;
  closing = std::move(real.cached_);
  real.cached_ = nullptr;
  uses_.erase(real.use_);
}

std::size_t FdCache::size() const {
  std::lock_guard lock(mutex_);
  return uses_.size();
}

Result<FdPtr> FdCache::directory(const RealPtr& real) {
  if (FdPtr fd = cached(*real)) return fd;
  if (!real->parent) return tl::unexpected(ESTALE);
  auto parent = directory(real->parent);
  if (!parent) return parent;
  auto fd = sys::open_at((*parent)->get(), real->name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (!fd) return forward(fd);
  auto st = sys::stat(fd->get());
  if (!st) return forward(st);
  if (Identity{st->st_dev, st->st_ino} != real->id) return tl::unexpected(ESTALE);
  FdPtr shared = share(std::move(*fd));
  insert(*real, shared);
  return shared;
}

Result<At> FdCache::locate(const RealPtr& real) {
  if (real->pinned) return At{real->pinned, ""};
  if (!real->parent) return tl::unexpected(ESTALE);
  return child(real->parent, real->name);
}

Result<At> FdCache::child(const RealPtr& real, std::string name) {
  auto fd = directory(real);
  if (!fd) return forward(fd);
  return At{std::move(*fd), std::move(name)};
}

}  // namespace userlay
