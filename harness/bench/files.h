// What measurements do with files. All throw std::system_error that names the path.
#pragma once

#include <cstddef>
#include <string>

#include "harness/ops/fd.h"

namespace ovlcheck {

// Throws unless a system call returned something.
void check(long returned, const std::string& what);

Fd open_at(int dir, const std::string& path, int flags, unsigned mode = 0644);
Fd open_directory_at(int dir, const std::string& path);
// There may be one already.
void make_dir(int dir, const std::string& path);
// `size` bytes that are not zero, from the descriptor's position on.
void write_bytes(int fd, size_t size);
void make_file(int dir, const std::string& path, size_t size);
// To the end.
void read_all(int fd);

}  // namespace ovlcheck
