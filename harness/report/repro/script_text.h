// The parts of a script that are the same for every case.
#pragma once

namespace ovlcheck {

extern const char* const script_heading;  // comments on how to run it
extern const char* const script_start;    // namespaces and a directory to work in; has @USERNS@
extern const char* const script_steps;    // ends before the here-document of Python
extern const char* const script_end;
extern const char* const script_settings;  // Python, before the settings of the case

}  // namespace ovlcheck
