#include "adapters/vm/write_log.h"

#include <cstring>

namespace ovlcheck {
namespace {

constexpr uint64_t kSector = 512;
constexpr uint64_t kFlush = 1, kFua = 2, kDiscard = 4;

// Of the head of an entry, little-endian; it fills a sector, and its data follows.
struct Head {
  uint64_t sector, sectors, flags, data_size;
};

}  // namespace

std::vector<LoggedWrite> read_write_log(const MemoryFile& log) {
  std::vector<LoggedWrite> writes;
  const uint64_t end = log.size();
  for (uint64_t at = kSector; at + kSector <= end;) {  // the first sector is the superblock
    Head head;
    const std::string bytes = log.read(at, sizeof head);
    std::memcpy(&head, bytes.data(), sizeof head);
    if (head.sectors == 0 && head.flags == 0) break;
    LoggedWrite write{head.sector * kSector,      head.sectors * kSector,   at + kSector,
                      (head.flags & kFlush) != 0, (head.flags & kFua) != 0, (head.flags & kDiscard) != 0};
    at = write.data + (write.discard ? 0 : write.size);
    if (at > end) break;
    writes.push_back(write);
  }
  return writes;
}

const char* power_loss_name(PowerLoss loss) {
  return loss == PowerLoss::kept ? "kept" : loss == PowerLoss::lost ? "lost" : "torn";
}

std::unique_ptr<MemoryFile> disk_after(const MemoryFile& base, const MemoryFile& log,
                                       const std::vector<LoggedWrite>& writes, size_t count, PowerLoss loss,
                                       std::mt19937_64& chance) {
  auto disk = base.copy("disk");
  size_t safe = count;
  while (safe > 0 && !writes[safe - 1].flush) --safe;
  for (size_t i = 0; i < count; ++i) {
    const LoggedWrite& write = writes[i];
    const bool reached =
        i < safe || write.fua || loss == PowerLoss::kept || (loss == PowerLoss::torn && chance() % 2 == 0);
    if (reached && !write.discard && write.size) disk->write(write.offset, log.read(write.data, write.size));
  }
  return disk;
}

}  // namespace ovlcheck
