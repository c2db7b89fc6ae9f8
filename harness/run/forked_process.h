// ForkedProcess: a part of this program in a process of its own, which tells its parent things in JSON lines.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "harness/case/json.h"
#include "harness/ops/fd.h"

namespace ovlcheck {

class ForkedProcess {
 public:
  // The process runs `body`, which gets a descriptor for tell(), and exits with what it returns. It dies with
  // its parent. Throws std::runtime_error if it cannot be started. Not while other threads run.
  explicit ForkedProcess(const std::function<int(int out)>& body);
  // Kills it if it still runs.
  ~ForkedProcess();
  ForkedProcess(const ForkedProcess&) = delete;
  ForkedProcess& operator=(const ForkedProcess&) = delete;

  // Readable when there is something to read.
  int fd() const { return reader_.get(); }
  // Waits for lines and hands them out; false when it has nothing more to tell.
  bool read(const std::function<void(const Json&)>& on_line);
  // After that: how it ended, "" = with status 0.
  std::string wait();

 private:
  Fd reader_;
  pid_t process_ = -1;
  std::string text_;
};

// Writes one line; ends this process if nobody listens.
void tell(int out, const Json& word);

}  // namespace ovlcheck
