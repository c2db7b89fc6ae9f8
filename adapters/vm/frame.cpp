#include "adapters/vm/frame.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace ovlcheck {
namespace {

constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value & 1 ? 0xEDB88320u ^ (value >> 1) : value >> 1;
    table[i] = value;
  }
  return table;
}

constexpr size_t kHeader = 11;  // kind, blank, eight digits, blank

}  // namespace

uint32_t crc32(std::string_view data) {
  static constexpr auto table = make_table();
  uint32_t crc = ~0u;
  for (char c : data) crc = table[(crc ^ static_cast<unsigned char>(c)) & 0xFF] ^ (crc >> 8);
  return ~crc;
}

std::string to_line(FrameKind kind, std::string_view payload) {
  std::string body(payload);
  std::replace(body.begin(), body.end(), '\n', ' ');
  char header[kHeader + 1];
  (void)std::snprintf(header, sizeof header, "%c %08x ", static_cast<char>(kind), crc32(body));
  return header + body + '\n';
}

std::optional<Frame> frame_from_line(std::string_view line) {
  if (line.size() < kHeader || line[1] != ' ' || line[kHeader - 1] != ' ') return std::nullopt;
  if (std::string_view("SLEKCTX").find(line[0]) == std::string_view::npos) return std::nullopt;
  uint32_t crc = 0;
  const auto [end, error] = std::from_chars(line.data() + 2, line.data() + kHeader - 1, crc, 16);
  const std::string_view payload = line.substr(kHeader);
  if (error != std::errc() || end != line.data() + kHeader - 1 || crc != crc32(payload)) return std::nullopt;
  return Frame{static_cast<FrameKind>(line[0]), std::string(payload)};
}

}  // namespace ovlcheck
