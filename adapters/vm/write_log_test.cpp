#include "adapters/vm/write_log.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

namespace ovlcheck {
namespace {

constexpr size_t kSector = 512;

// A log as QEMU writes it.
class Log {
 public:
  Log() { file_.append(std::string(kSector, 'S')); }
  void write(uint64_t sector, char fill, uint64_t flags = 0) {
    head(sector, 1, flags);
    file_.append(std::string(kSector, fill));
  }
  void flush() { head(0, 0, 1); }
  const MemoryFile& file() const { return file_; }

 private:
  void head(uint64_t sector, uint64_t sectors, uint64_t flags) {
    const uint64_t words[] = {sector, sectors, flags, 0};
    std::string bytes(kSector, '\0');
    std::memcpy(bytes.data(), words, sizeof words);
    file_.append(bytes);
  }
  MemoryFile file_{"log"};
};

// The first letter of each of four sectors after the first `count` writes.
std::string letters(const Log& log, size_t count, PowerLoss loss, unsigned seed = 1) {
  MemoryFile base("base");
  base.append(std::string(4 * kSector, '.'));
  std::mt19937_64 chance(seed);
  const auto disk = disk_after(base, log.file(), read_write_log(log.file()), count, loss, chance);
  std::string text;
  for (size_t i = 0; i < 4; ++i) text += disk->read(i * kSector, 1);
  return text;
}

TEST(WriteLog, KnowsWhatWasSafe) {
  Log log;
  log.write(0, 'a');
  log.flush();
  log.write(1, 'b');
  log.write(2, 'c', 2);  // FUA
  log.write(0, 'd');
  ASSERT_EQ(read_write_log(log.file()).size(), 5u);
  EXPECT_EQ(letters(log, 5, PowerLoss::kept), "dbc.");
  EXPECT_EQ(letters(log, 5, PowerLoss::lost), "a.c.");
  EXPECT_EQ(letters(log, 3, PowerLoss::kept), "ab..");
  EXPECT_EQ(letters(log, 1, PowerLoss::lost), "....");
  EXPECT_EQ(letters(log, 0, PowerLoss::kept), "....");
}

TEST(WriteLog, TearsByChance) {
  Log log;
  log.write(0, 'a');
  log.flush();
  log.write(1, 'b');
  log.write(2, 'c');
  std::set<std::string> seen;
  for (unsigned seed = 0; seed < 64; ++seed) seen.insert(letters(log, 4, PowerLoss::torn, seed));
  EXPECT_EQ(seen, (std::set<std::string>{"a...", "ab..", "a.c.", "abc."}));
}

TEST(WriteLog, EndsAtAnEntryThatIsBeingWritten) {
  Log log;
  log.write(0, 'a');
  MemoryFile torn("log");
  torn.append(log.file().read().substr(0, 2 * kSector + 100));
  EXPECT_TRUE(read_write_log(torn).empty());
}

}  // namespace
}  // namespace ovlcheck
