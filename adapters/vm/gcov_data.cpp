#include "adapters/vm/gcov_data.h"

#include <cstring>
#include <stdexcept>

namespace ovlcheck {
namespace {

constexpr uint32_t kDataMagic = 0x67636461, kNotesMagic = 0x67636e6f;
constexpr uint32_t kFunction = 0x01000000, kArcs = 0x01a10000;
constexpr size_t kHeader = 16;  // magic, version, stamp, checksum

// Numbers and strings, one after the other.
class Words {
 public:
  Words(std::string_view content, const char* kind) : content_(content), kind_(kind) {}

  bool at_end() const { return at_ + 4 > content_.size(); }
  size_t at() const { return at_; }
  void move_to(size_t offset) {
    if (offset > content_.size()) fail("is cut off");
    at_ = offset;
  }

  uint32_t number() {
    if (at_end()) fail("is cut off");
    uint32_t value;
    std::memcpy(&value, content_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }

  // Its length counts the NUL at its end.
  std::string text() {
    const size_t length = number();
    if (length > content_.size() - at_) fail("is cut off");
    const std::string_view bytes = content_.substr(at_, length);
    at_ += length;
    return std::string(bytes.substr(0, bytes.find('\0')));
  }

  void expect_header(uint32_t magic) {
    if (content_.size() < kHeader || number() != magic) fail("is not what its name says");
    // "B22*" is 12.2: lengths were in words before 12.
    const uint32_t version = number();
    if (const unsigned major = ((version >> 24) - 'A') * 10 + ((version >> 16 & 0xFF) - '0'); major < 12)
      fail("was made by GCC " + std::to_string(major) + ", it must be 12 or later");
    move_to(kHeader);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error(std::string(kind_) + " " + what);
  }

  std::string_view content_;
  const char* kind_;
  size_t at_ = 0;
};

}  // namespace

GcovData::GcovData(std::string content) : content_(std::move(content)) {
  Words words(content_, "a file of counters (.gcda)");
  words.expect_header(kDataMagic);
  uint32_t function = 0;
  while (!words.at_end()) {
    const uint32_t tag = words.number();
    if (tag == 0) break;
    const auto length = static_cast<int32_t>(words.number());
    if (length < 0) continue;  // all its counters are zero, and not there
    const size_t start = words.at(), size = static_cast<size_t>(length);
    if (tag == kFunction && size > 0) function = words.number();
    words.move_to(start + size);
    if (tag == kArcs)
      for (size_t offset = start; offset + 8 <= start + size; offset += 8)
        places_.push_back({offset, function});
  }
}

uint64_t GcovData::counter(size_t index) const {
  uint64_t value;
  std::memcpy(&value, content_.data() + places_[index].offset, sizeof value);
  return value;
}

void GcovData::add(size_t index, uint64_t count) {
  const uint64_t sum = counter(index) + count;
  std::memcpy(content_.data() + places_[index].offset, &sum, sizeof sum);
}

std::map<uint32_t, GcovFunction> function_names(std::string_view notes) {
  Words words(notes, "a file of notes (.gcno)");
  words.expect_header(kNotesMagic);
  (void)words.text();    // the directory it was compiled in
  (void)words.number();  // whether blocks may be marked as not executed
  std::map<uint32_t, GcovFunction> functions;
  while (!words.at_end()) {
    const uint32_t tag = words.number();
    if (tag == 0) break;
    const size_t length = words.number(), start = words.at();
    if (tag == kFunction) {
      const uint32_t function = words.number();
      (void)words.number(), (void)words.number();  // checksums
      std::string name = words.text();
      (void)words.number();  // whether the compiler made it up
      functions[function] = {std::move(name), words.text()};
    }
    words.move_to(start + length);
  }
  return functions;
}

}  // namespace ovlcheck
