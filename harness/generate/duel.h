// Duel: one case run on two of the parties in this process and compared.
#pragma once

#include <memory>
#include <string>
#include <vector>

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

// The parties of a comparison by number (see arena.h), as they are named, and without options of their own
// for cases that ask for those themselves.
class Subjects {
 public:
  // `names`: the reference, the subject, further references. Throws std::runtime_error if one of them cannot
  // run in that environment, BadCase on an unknown name.
  Subjects(const std::vector<std::string>& names, const Environment& environment);

  std::vector<Adapter*> adapters() const;

 private:
  friend class Duel;
  struct Party {
    SubjectName name;
    std::unique_ptr<Adapter> adapter, bare;
  };
  std::vector<Party> parties_;
};

class Duel {
 public:
  // `subject` judged by `reference`, both by number. Sandbox and subjects must outlive it.
  Duel(Sandbox& sandbox, const Subjects& subjects, size_t subject = kSubject, size_t reference = kReference);
  // A case that is wrong, or that one of the two cannot run, deviates in nothing.
  Verdicts run(const Case& c);
  Verdicts run(const Json& case_json);
  // What a case has to ask for: the mount options in both names, where they are the same. Others stay with
  // the names.
  const Options& options() const { return options_; }

 private:
  Sandbox& sandbox_;
  const Subjects::Party &subject_, &reference_;
  bool options_in_case_;  // and not with the names
  Options options_;
  unsigned runs_ = 0;
};

}  // namespace ovlcheck::generate
