// The files of python/, built into the program.
#pragma once

namespace ovlcheck {

// In the order of their dependence; ends with nullptr.
extern const char* const python_library[];

}  // namespace ovlcheck
