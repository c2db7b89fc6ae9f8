// Decompress: the content of a file that may be compressed.
#pragma once

#include <string>

namespace ovlcheck {

// Reads a plain, .xz, .zst or .gz file; the compressed ones through the programs xz, zstd and gzip. Throws
// std::runtime_error.
std::string read_decompressed(const std::string& path);

}  // namespace ovlcheck
