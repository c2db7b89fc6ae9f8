// Fnv: 64-bit FNV-1a (RFC 9923), the hash of everything that is compared by one: contents, suites, states.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ovlcheck {

class Fnv {
 public:
  void add(unsigned char byte) { hash_ = (hash_ ^ byte) * kPrime; }
  void add(std::string_view bytes) {
    for (const char byte : bytes) add(static_cast<unsigned char>(byte));
  }
  // Costs only the logarithm of `count`.
  void add_zeroes(uint64_t count) {
    for (uint64_t factor = kPrime; count != 0; count >>= 1, factor *= factor)
      if ((count & 1) != 0) hash_ *= factor;
  }
  uint64_t value() const { return hash_; }
  // 16 digits.
  std::string hex() const {
    std::string digits(16, '0');
    for (size_t i = 0; i < digits.size(); ++i) digits[i] = "0123456789abcdef"[hash_ >> (60 - 4 * i) & 15];
    return digits;
  }

 private:
  static constexpr uint64_t kPrime = 0x100000001b3;
  uint64_t hash_ = 0xcbf29ce484222325;
};

}  // namespace ovlcheck
