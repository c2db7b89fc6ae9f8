// Building the mount command of a descriptor for given layers.
#pragma once

#include <string>
#include <vector>

#include "adapters/adapter.h"
#include "adapters/fuse/descriptor.h"

namespace ovlcheck {

// The placeholders that `text` names, in order: "{lower}" -> "lower".
std::vector<std::string> placeholders(const std::string& text);

// `text` with every {NAME} for which there is a value replaced.
std::string filled(std::string text, const std::map<std::string, std::string>& values);

// `asked` over the values that are in force anyway.
Options effective_options(const Descriptor& descriptor, const Options& asked);

// Why the program cannot have this option with this value, or nothing.
std::optional<std::string> unsupported(const Descriptor& descriptor, const std::string& option,
                                       const std::string& value);

// Program and arguments that mount `dirs`. {options} becomes the options to add, each after a comma; an
// argument with {lower} is repeated where the descriptor has no separator. Fails with EINVAL and a reason.
tl::expected<std::vector<std::string>, MountError> mount_command(const Descriptor& descriptor,
                                                                 const LayerDirs& dirs,
                                                                 const Options& options);

}  // namespace ovlcheck
