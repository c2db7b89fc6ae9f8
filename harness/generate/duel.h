// Duel: one case run on two subjects in this process and compared.
#pragma once

#include <memory>
#include <string>

#include "harness/generate/arena.h"
#include "harness/judge/outcome.h"
#include "harness/ops/observation.h"

namespace ovlcheck::generate {

struct Verdicts {
  Outcome outcome;  // of the subject, judged by what the reference did
  // What the first deviation is, without names: "rename EXDEV/ok", "merged content"; "" = none.
  std::string signature;
  Observation seen, reference;
};

// The two that are compared, as they are named, and without options of their own for cases that ask for those
// themselves.
class Subjects {
 public:
  // Throws std::runtime_error if one of them cannot run in that environment, BadCase on an unknown name.
  Subjects(const std::string& subject, const std::string& reference, const Environment& environment);

  Pair pair() const { return {*subject_, *reference_}; }
  Pair bare_pair() const { return {*bare_subject_, *bare_reference_}; }
  const std::string& subject_kind() const { return subject_name_.kind; }
  const std::string& reference_kind() const { return reference_name_.kind; }
  // Mount options in the reference's name.
  const Options& options() const { return reference_name_.options; }

 private:
  SubjectName subject_name_, reference_name_;
  std::unique_ptr<Adapter> subject_, reference_, bare_subject_, bare_reference_;
};

class Duel {
 public:
  // Both must outlive it.
  Duel(Sandbox& sandbox, const Subjects& subjects) : sandbox_(sandbox), subjects_(subjects) {}
  // A case that is wrong, or that one of the two cannot run, deviates in nothing.
  Verdicts run(const Case& c);
  Verdicts run(const Json& case_json);
  const Options& options() const { return subjects_.options(); }

 private:
  Sandbox& sandbox_;
  const Subjects& subjects_;
  unsigned runs_ = 0;
};

}  // namespace ovlcheck::generate
