// Objects as they are in the layers, and a bounded cache of descriptors for the directories among them.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "adapters/userspace/userlay/name_set.h"
#include "adapters/userspace/userlay/sys.h"

namespace userlay {

struct Real;
using RealPtr = std::shared_ptr<Real>;

// Where an object is in the file system, whatever its names.
struct Identity {
  dev_t dev = 0;
  ino_t ino = 0;
  bool operator==(const Identity&) const = default;
};

struct IdentityHash {
  std::size_t operator()(const Identity& id) const {
    return std::hash<std::uint64_t>()((static_cast<std::uint64_t>(id.dev) << 40) ^ id.ino);
  }
};

class FdCache;

// One object in one layer, reached through its parent and name, so that it costs no descriptor. The place
// changes only under the exclusive tree lock.
struct Real {
  Real(FdCache* owner, int layer_index, const struct stat& st)
      : cache(owner),
        layer(layer_index),
        id{st.st_dev, st.st_ino},
        type(st.st_mode & S_IFMT),
        nlink(st.st_nlink) {}
  ~Real();
  Real(const Real&) = delete;
  Real& operator=(const Real&) = delete;

  bool is_dir() const { return type == S_IFDIR; }
  bool is_regular() const { return type == S_IFREG; }

  FdCache* const cache;
  const int layer;  // 0 is upper
  const Identity id;
  const mode_t type;    // S_IFMT bits
  const nlink_t nlink;  // when it was found; lower layers do not change
  RealPtr parent;
  std::string name;
  FdPtr pinned;                    // a layer's root, or an object that lost its name
  std::unique_ptr<NameSet> names;  // of a lower directory whose listings can be relied on

 private:
  friend class FdCache;
  FdPtr cached_;
  std::list<Real*>::iterator use_;
};

class FdCache {
 public:
  explicit FdCache(std::size_t capacity) : capacity_(capacity) {}

  // An O_PATH descriptor of a directory. ESTALE when another object has taken its place.
  Result<FdPtr> directory(const RealPtr& real);
  // How to name the object in system calls.
  Result<At> locate(const RealPtr& real);
  // The name `child` in the directory.
  Result<At> child(const RealPtr& directory, std::string name);
  std::size_t size() const;

 private:
  friend struct Real;
  FdPtr cached(Real& real);
  void insert(Real& real, FdPtr fd);
  void erase(Real& real);

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::list<Real*> uses_;  // most recently used first
};

}  // namespace userlay
