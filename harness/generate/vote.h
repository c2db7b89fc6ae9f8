// Vote: who is right where not all agree.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

namespace ovlcheck::generate {

struct Vote {
  size_t right = 0;  // one of those most agree with
  size_t odd = 0;    // who deviates from it: the subject if it does, else the first who does
};

// `parties` (see arena.h), at least one, in order; `same` is asked about two of them; it must be an
// equivalence. The largest group is right, of equally large ones the one with the lowest number in it: with
// two parties the reference. Nothing if all agree.
std::optional<Vote> vote(const std::vector<size_t>& parties, const std::function<bool(size_t, size_t)>& same);

}  // namespace ovlcheck::generate
