// recognise: finds out how an unknown program mounts layers and what it writes into them, by trying.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "adapters/adapter.h"
#include "harness/case/json.h"

namespace ovlcheck {

struct Recognition {
  Json descriptor;                 // schema-valid, ready for a file
  std::vector<std::string> notes;  // what was seen, one sentence each
};

// `command` is a program, perhaps with arguments, or a template with {lower}, {upper}, {work}, {mount} and
// {options}. Without placeholders the command lines that union file systems have in common are tried. Mounts
// below the empty directory `dir` (absolute `path`), which is left with what was built there. Fails with what
// was tried and what came of it. Throws BadCase if the template is wrong.
tl::expected<Recognition, std::string> recognise(const std::string& command, const Environment& environment,
                                                 int dir, const std::string& path);

}  // namespace ovlcheck
