// Frame: one line of text on the line between a virtual machine and its host, with a checksum.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ovlcheck {

enum class FrameKind : char {
  start =
      'S',     // to the guest, once: {"arguments": [...], "fs": NAME or "", "counters": BOOL, "faults": BOOL}
  line = 'L',  // either way: a line of the worker's protocol
  end = 'E',   // to the guest: no more lines
  splat = 'K',   // to the host: what the kernel logged during the case that the next line answers
  counts = 'C',  // to the host: what the kernel counts of its own code (GuestCounters)
  tick = 'T',    // to the host, every two seconds without any other: the machine is alive
  broken = 'X',  // to the host: why the guest cannot go on
};

struct Frame {
  FrameKind kind = FrameKind::line;
  std::string payload;
};

// The CRC-32 of IEEE 802.3, as in zlib.
uint32_t crc32(std::string_view data);

// "L 1234abcd PAYLOAD\n". Newlines in the payload become spaces.
std::string to_line(FrameKind kind, std::string_view payload);
// Of a line without its newline; nothing if it is damaged.
std::optional<Frame> frame_from_line(std::string_view line);

}  // namespace ovlcheck
