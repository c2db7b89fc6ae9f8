// The HTML page and its script as text, built into the program (harness/report/html/).
#pragma once

namespace ovlcheck {

extern const char* const html_page;
extern const char* const html_script;

}  // namespace ovlcheck
