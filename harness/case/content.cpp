// Contents of files: compared and hashed without writing out holes and fills.
#include <algorithm>
#include <cstring>

#include "harness/case/fnv.h"
#include "harness/case/tree.h"

namespace ovlcheck {
namespace {

bool is_zeroes(const Piece& piece) {
  return piece.kind == Piece::Kind::hole ||
         (piece.kind == Piece::Kind::fill && piece.bytes == std::string(1, 0));
}

const Piece* only_digest(const Content& content) {
  if (content.pieces.size() != 1 || content.pieces[0].kind != Piece::Kind::digest) return nullptr;
  return &content.pieces[0];
}

// Reads a content from the front in runs that lie within one piece.
class Reader {
 public:
  explicit Reader(const Content& content) : at_(content.pieces.begin()), end_(content.pieces.end()) {
    settle();
  }

  bool done() const { return at_ == end_; }
  uint64_t rest() const { return at_->size - used_; }
  // The bytes of this run, nullptr if it repeats one byte.
  const char* bytes() const { return at_->kind == Piece::Kind::data ? at_->bytes.data() + used_ : nullptr; }
  char repeated() const { return at_->kind == Piece::Kind::fill ? at_->bytes[0] : '\0'; }
  void skip(uint64_t count) {
    used_ += count;
    settle();
  }

 private:
  void settle() {
    while (at_ != end_ && used_ == at_->size) {
      ++at_;
      used_ = 0;
    }
  }
  std::vector<Piece>::const_iterator at_, end_;
  uint64_t used_ = 0;
};

bool same_run(const Reader& a, const Reader& b, uint64_t count) {
  const auto repeats = [count](const char* bytes, char byte) {
    return std::all_of(bytes, bytes + count, [byte](char c) { return c == byte; });
  };
  if (a.bytes() && b.bytes()) return std::memcmp(a.bytes(), b.bytes(), count) == 0;
  if (a.bytes()) return repeats(a.bytes(), b.repeated());
  if (b.bytes()) return repeats(b.bytes(), a.repeated());
  return a.repeated() == b.repeated();
}

}  // namespace

Content Content::of(std::string bytes) {
  if (bytes.empty()) return {};
  const uint64_t size = bytes.size();
  return {{{.kind = Piece::Kind::data, .bytes = std::move(bytes), .size = size}}};
}

uint64_t Content::size() const {
  uint64_t sum = 0;
  for (const Piece& piece : pieces) sum += piece.size;
  return sum;
}

std::string Content::digest() const {
  if (const Piece* known = only_digest(*this)) return known->bytes;
  Fnv hash;
  for (const Piece& piece : pieces) {
    if (is_zeroes(piece)) {
      hash.add_zeroes(piece.size);
    } else if (piece.kind == Piece::Kind::fill) {
      for (uint64_t i = 0; i < piece.size; ++i) hash.add(static_cast<unsigned char>(piece.bytes[0]));
    } else {
      hash.add(piece.bytes);
    }
  }
  return hash.hex();
}

bool Content::same_bytes(const Content& other) const {
  if (size() != other.size()) return false;
  if (only_digest(*this) || only_digest(other)) return digest() == other.digest();
  Reader a(*this), b(other);
  while (!a.done() && !b.done()) {
    const uint64_t count = std::min(a.rest(), b.rest());
    if (!same_run(a, b, count)) return false;
    a.skip(count);
    b.skip(count);
  }
  return true;
}

}  // namespace ovlcheck
