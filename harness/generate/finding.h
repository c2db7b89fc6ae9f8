// Finding: one deviation as a case - made from a generated sequence, shrunk, with the reference's behaviour
// as its expectations.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/generate/duel.h"
#include "harness/generate/operation.h"
#include "harness/generate/scenario.h"

namespace ovlcheck::generate {

struct Finding {
  // Operations in order and what deviates: "mkdir, rename: merged content". Equal = the same finding.
  std::string signature;
  Json test;            // a case object that passes on the reference and fails on the subject
  std::string trouble;  // why it does not do so all the same, "" = it does
  Outcome outcome;      // of the subject
};

// The sequence as a case, in the root of the tree, or in a directory "l" of it if `nested`.
Json case_of(const Scenario& scenario, const std::vector<Operation>& sequence, bool nested);

// Shrinks a case and writes down what the reference does; nothing if the two agree.
std::optional<Finding> finding_from(const Json& c, Duel& duel);

// The same for a sequence with those mount options; nothing if it deviates only beside others.
std::optional<Finding> finding_from(const Scenario& scenario, const std::vector<Operation>& sequence,
                                    const Options& options, Duel& duel);

// A file of cases, as `ovlcheck lint` wants it.
Json case_file(const std::string& group, const std::string& about, const std::vector<Json>& cases);

}  // namespace ovlcheck::generate
