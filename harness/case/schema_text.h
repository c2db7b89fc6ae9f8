// The texts of the schemas in cases/schema/, compiled in so that an installed program needs no files.
#pragma once

namespace ovlcheck {

extern const char* const case_schema_text;
extern const char* const changes_schema_text;
extern const char* const clauses_schema_text;
extern const char* const errnos_schema_text;
extern const char* const kernel_code_schema_text;

}  // namespace ovlcheck
