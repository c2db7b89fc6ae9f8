// KernelAdapter: the overlayfs of the running kernel, mounted inside the worker's namespaces.
#pragma once

#include <memory>

#include "adapters/adapter.h"

namespace ovlcheck {

// `defaults` are options for cases that do not set them (from the subject's name).
std::unique_ptr<Adapter> make_kernel_adapter(const Environment& environment, const Options& defaults);

// The option string for mount(2): "lowerdir=lower0:lower1,upperdir=upper,workdir=work,...". Paths are
// relative to the case's directory.
std::string mount_data(const LayerDirs& dirs, const Options& options);

}  // namespace ovlcheck
