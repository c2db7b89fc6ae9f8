#include "harness/run/other_overlays.h"

#include <algorithm>
#include <cerrno>

namespace ovlcheck {

std::optional<std::string> layer_directory(const LayerDirs& dirs, const std::string& layer) {
  if (layer == "merged") return dirs.merged;
  if (layer == "upper" || layer == "work") {
    const std::string& directory = layer == "upper" ? dirs.upper : dirs.work;
    return directory.empty() ? std::nullopt : std::optional(directory);
  }
  const auto numbered = [&](const char* name, const std::vector<std::string>& directories) {
    for (size_t i = 0; i < directories.size(); ++i)
      if (layer == name + ('[' + std::to_string(i) + ']')) return std::optional(directories[i]);
    return std::optional<std::string>();
  };
  const auto lower = numbered("lower", dirs.lowers);
  return lower ? lower : numbered("data", dirs.data);
}

OtherOverlays::OtherOverlays(Adapter& adapter, const std::map<std::string, Actor>& actors)
    : adapter_(adapter), actors_(actors) {}

OtherOverlays::~OtherOverlays() {
  while (!overlays_.empty()) overlays_.pop_back();
}

std::optional<MountError> OtherOverlays::mount(const std::string& name, LayerDirs dirs,
                                               const Options& options) {
  Overlay& overlay = overlays_.emplace_back();
  overlay.name = name;
  overlay.dirs = std::move(dirs);
  auto mounted = adapter_.mount(overlay.dirs, options);
  if (!mounted) return mounted.error();
  overlay.mount = std::move(*mounted);
  overlay.executor = std::make_unique<Executor>(overlay.mount->vfs(), actors_);
  return std::nullopt;
}

Sys<void> OtherOverlays::unmount(Overlay& overlay) {
  if (!overlay.mount) return {};
  overlay.executor.reset();
  if (auto down = overlay.mount->unmount(); !down) return down;
  overlay.mount.reset();
  return {};
}

Sys<void> OtherOverlays::unmount(const std::string& name) {
  Overlay* overlay = find(name);
  return overlay && overlay->mount ? unmount(*overlay) : failed(EINVAL);
}

Sys<void> OtherOverlays::unmount_all() {
  for (auto overlay = overlays_.rbegin(); overlay != overlays_.rend(); ++overlay)
    if (auto down = unmount(*overlay); !down) return down;
  return {};
}

Mount* OtherOverlays::mounted(const std::string& name) {
  Overlay* overlay = find(name);
  return overlay ? overlay->mount.get() : nullptr;
}

Executor* OtherOverlays::executor(const std::string& name) {
  Overlay* overlay = find(name);
  return overlay ? overlay->executor.get() : nullptr;
}

const LayerDirs* OtherOverlays::layers(const std::string& name) const {
  for (const Overlay& overlay : overlays_)
    if (overlay.name == name) return &overlay.dirs;
  return nullptr;
}

bool OtherOverlays::has_no_directory(const std::string& layer) {
  if (!layer.ends_with(".merged")) return false;
  Mount* mount = mounted(layer.substr(0, layer.find('.')));
  return mount && mount->directory() < 0;
}

OtherOverlays::Overlay* OtherOverlays::find(const std::string& name) {
  for (Overlay& overlay : overlays_)
    if (overlay.name == name) return &overlay;
  return nullptr;
}

}  // namespace ovlcheck
