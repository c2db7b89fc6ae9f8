// A small run that has one of everything reports must tell; for tests.
#pragma once

#include "harness/results/results.h"

namespace ovlcheck {

inline Run sample_run() {
  auto outcome = [](const char* subject, const char* name, Verdict verdict, const char* reason = "") {
    Outcome made;
    made.subject = subject;
    made.case_name = name;
    made.verdict = verdict;
    made.reason = reason;
    return made;
  };
  Outcome exdev = outcome("userlay", "rename/lower-dir-is-exdev", Verdict::fail);
  exdev.title = "Renaming a directory of a lower layer fails with EXDEV";
  exdev.clauses = {"RENAME-1", "RENAME-2"};
  exdev.deviations = {
      {"/steps/0", "rename d -> e", "EXDEV", "ok", {}},
      {"after merged",
       "",
       "",
       "",
       {{"d", "missing", "dir", ""}, {"e", "unexpected", "", "dir"}, {"g", "content", "\"a|b\"", "\"c\""}}}};
  Outcome same = exdev;
  same.subject = "fuse:a=on,metacopy=on";
  Outcome crash = outcome("userlay", "copy-up/mmap", Verdict::crash, "the daemon died with SIGSEGV");
  crash.at_step = "/steps/2/parallel/0/1";
  crash.step = "mwrite m \"x\"";

  Run run;
  run.host = {"6.1.0-18", "x86_64", 2, "2024-05-01T12:00:00Z"};
  run.suite = {"00000000deadbeef", 5, {{"copy-up", 2}, {"rename", 3}}};
  run.subjects = {{"kernel", "6.1.0-18", "root", "tmpfs", ""},
                  {"userlay", "", "none", "tmpfs", ""},
                  {"fuse:a=on,metacopy=on", "fuse 1.10", "userns", "ext4", ""},
                  {"aufs", "", "root", "tmpfs", "this kernel has no aufs"}};
  run.outcomes = {outcome("kernel", "copy-up/chmod", Verdict::pass),
                  outcome("kernel", "copy-up/mmap", Verdict::pass),
                  outcome("kernel", "rename/lower-dir-is-exdev", Verdict::pass),
                  outcome("kernel", "rename/file", Verdict::pass),
                  outcome("kernel", "rename/whiteout", Verdict::pass),
                  outcome("userlay", "copy-up/chmod", Verdict::pass),
                  crash,
                  exdev,
                  outcome("userlay", "rename/file", Verdict::pass),
                  outcome("userlay", "rename/whiteout", Verdict::skip, "needs mount"),
                  outcome("fuse:a=on,metacopy=on", "copy-up/chmod", Verdict::skip, "needs root"),
                  outcome("fuse:a=on,metacopy=on", "copy-up/mmap", Verdict::skip, "needs root"),
                  same,
                  outcome("fuse:a=on,metacopy=on", "rename/file", Verdict::pass)};
  return run;
}

}  // namespace ovlcheck
