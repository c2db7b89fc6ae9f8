// Figures: medians, and quantities in words.
#pragma once

#include <string>
#include <vector>

namespace ovlcheck {

// The middle one, or the mean of the two in the middle. `values` must not be empty.
double median(std::vector<double> values);

// "830 ns", "16.2 us", "1.25 ms", "2.50 s".
std::string duration(double seconds);

// "100 B", "4 KiB", "64 MiB", "1 GiB".
std::string size_in_words(double bytes);

}  // namespace ovlcheck
