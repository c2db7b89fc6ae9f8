// WriteLog: every write to a disk of a virtual machine, and what the disk holds if power fails after some of
// them.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "adapters/vm/memory_file.h"

namespace ovlcheck {

struct LoggedWrite {
  uint64_t offset = 0, size = 0;  // bytes on the disk; size 0: nothing but a flush
  uint64_t data = 0;              // where its bytes are in the log
  bool flush = false;             // what was written before is safe from now on
  bool fua = false;               // this write is safe itself
  bool discard = false;           // no data; what it covers may read as anything
};

// The log that QEMU's blklogwrites driver writes (the format of the kernel's dm-log-writes, sectors of 512
// bytes). Entries that are being written are not seen yet.
std::vector<LoggedWrite> read_write_log(const MemoryFile& log);

// What became of writes that were never flushed: all reached the disk, none, or each by chance.
enum class PowerLoss { kept, lost, torn };
const char* power_loss_name(PowerLoss loss);

// A copy of `base`, the disk before the first write, with the first `count` writes applied as `loss` says.
std::unique_ptr<MemoryFile> disk_after(const MemoryFile& base, const MemoryFile& log,
                                       const std::vector<LoggedWrite>& writes, size_t count, PowerLoss loss,
                                       std::mt19937_64& chance);

}  // namespace ovlcheck
