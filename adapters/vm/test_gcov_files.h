// Files of counters and notes as GCC 12 writes them, for tests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ovlcheck {

inline std::string gcov_words(std::initializer_list<uint32_t> words) {
  std::string bytes;
  for (const uint32_t word : words) bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
  return bytes;
}

inline std::string gcov_header(uint32_t magic, uint32_t version = 0x4232322a) {
  return gcov_words({magic, version, 0x5eed, 0xc0de});
}

// Functions 7 and 9 with two counters and one.
inline std::string gcov_test_data(uint32_t a, uint32_t b, uint32_t c) {
  return gcov_header(0x67636461) + gcov_words({0x01000000, 12, 7, 1, 2, 0x01a10000, 16, a, 0, b, 0}) +
         gcov_words({0x01000000, 12, 9, 1, 2, 0x01a10000, 8, c, 0});
}

inline std::string gcov_text(const std::string& text) {
  return gcov_words({static_cast<uint32_t>(text.size() + 1)}) + text + '\0';
}

inline std::string gcov_notes_of(uint32_t number, const std::string& name, const std::string& source) {
  const std::string record = gcov_words({number, 1, 2}) + gcov_text(name) + gcov_words({0}) +
                             gcov_text(source) + gcov_words({10, 1, 20, 2});
  return gcov_words({0x01000000, static_cast<uint32_t>(record.size())}) + record;
}

// "first" and "second" of dir.c.
inline std::string gcov_test_notes() {
  return gcov_header(0x67636e6f) + gcov_text("/build") + gcov_words({1}) +
         gcov_notes_of(7, "first", "/src/dir.c") + gcov_words({0x01410000, 4, 5}) +
         gcov_notes_of(9, "second", "/src/dir.c");
}

}  // namespace ovlcheck
