// Bench: measured claims about overlay storage, and their file (bench.json).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/results/results.h"

namespace ovlcheck {

// What was measured at one place of a chart's axis.
struct BenchPoint {
  double x = 0;
  std::vector<double> values;  // one per round: seconds per operation, or a share from 0 to 1
  double median() const;       // of the values, which must not be empty
  // (highest - lowest) / median.
  double spread() const;
  bool operator==(const BenchPoint&) const = default;
};

struct BenchSeries {
  std::string
      subject;  // "native" is a plain directory, "volume" a bind mount inside the kernel's merged tree
  std::vector<BenchPoint> points;  // in the order of x
  bool operator==(const BenchSeries&) const = default;
};

struct BenchChart {
  std::string id;
  std::string claim;                // what people say, in a sentence
  std::string axis;                 // what x is: "file size", "lower layers"
  std::string unit;                 // of x: "bytes", "" for plain numbers
  std::vector<std::string> places;  // names of x = 0, 1, ... where x is no number; else empty
  bool share = false;               // values are shares, not seconds
  std::vector<BenchSeries> series;
  std::string finding;     // what the figures say, in a sentence
  bool borne_out = false;  // do they bear the claim out?

  const BenchSeries* find(const std::string& subject) const;
  bool operator==(const BenchChart&) const = default;
};

struct Bench {
  HostInfo host;
  std::string privilege, fs;
  std::vector<BenchChart> charts;
  std::vector<std::string> notes;  // what could not be measured, and why
};

// JSON with "format": 1. Reading throws BadCase (with file) on bad content.
Json json_from_bench(const Bench& bench);
Bench bench_from_json(const Json& json, const std::string& file);

// bench.json in `folder`, which is made. Throw std::system_error.
void write_bench(const std::filesystem::path& folder, const Bench& bench);
Bench read_bench(const std::filesystem::path& folder);
// Is there a bench.json in it?
bool holds_bench(const std::filesystem::path& folder);

// One median that differs between two measurements of the same chart, subject and place, each taken relative
// to the same round's kernel (or native) so that the machine's speed drops out.
struct BenchChange {
  std::string chart, subject, place;
  double ratio = 1;  // later / earlier; above 1 is slower
};

// All medians whose ratio is off 1 by more than `tolerance` (0.25: a quarter) and by more than their spread.
std::vector<BenchChange> compare_bench(const Bench& earlier, const Bench& later, double tolerance);

// What x is in words: "64 KiB", "8", "lower".
std::string place_name(const BenchChart& chart, double x);

}  // namespace ovlcheck
