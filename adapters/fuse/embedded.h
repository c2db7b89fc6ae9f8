// The descriptor files and their schema as text, built into the program.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

namespace ovlcheck {

// Name (without ".json") and text, in the order they are shown.
const std::vector<std::pair<std::string_view, std::string_view>>& embedded_descriptors();
const char* embedded_schema();

}  // namespace ovlcheck
