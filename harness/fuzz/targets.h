// Fuzz targets: everything that reads bytes from elsewhere, each as a function that takes any bytes at all.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace ovlcheck {

// Must return whatever the bytes are: what is wrong with them is an error of the kind the reader documents,
// and anything else ends the process.
using FuzzTarget = void (*)(std::string_view bytes);

// cases, results, events, worker, layers, requests; a target's corpus is the folder corpus/NAME.
const std::map<std::string, FuzzTarget>& fuzz_targets();

// userlay over layers whose files and marks are made of the bytes.
void fuzz_layers(std::string_view bytes);

// The userlay daemon, asked by the bytes.
void fuzz_requests(std::string_view bytes);

}  // namespace ovlcheck
