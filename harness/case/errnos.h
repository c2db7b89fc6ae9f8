// Errnos: which errors overlayfs itself returns, by operation, and why some of them no case can see.
#pragma once

#include <string>
#include <vector>

namespace ovlcheck {

struct KnownErrno {
  std::vector<std::string> operations;  // any of which may return it
  std::string error;                    // "EXDEV"
  std::string source;                   // file and function in the kernel
  std::string when;                     // it is returned
  std::string explained;                // why no case sees it, "" = one must
};

// All of an index's text, checked against the schema and the vocabulary. Throws BadCase with every problem
// found.
std::vector<KnownErrno> read_errnos(const std::string& text, const std::string& file);

// The same of a file. Throws BadCase also if it cannot be read.
std::vector<KnownErrno> load_errnos(const std::string& file);

}  // namespace ovlcheck
