// A program that a test starts.

#ifndef TESTS_SUPPORT_PROCESS_H_
#define TESTS_SUPPORT_PROCESS_H_

#include <sys/types.h>

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace descent::testing {

class Process {
 public:
  // Starts `arguments[0]`, found on the path, with `environment` as its variables besides PATH.
  explicit Process(const std::vector<std::string>& arguments,
                   const std::map<std::string, std::string>& environment = {});
  // Kills what still runs.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // What was written to stdout and stderr so far.
  std::string Output() const;
  std::string ErrorOutput() const;

  // The rest of the first line of stdout that begins with `prefix`, as soon as it is there; empty
  // when the program ended before, or took 30 s.
  std::string AwaitLine(const std::string& prefix);

  void Signal(int signal) const;

  // Waits for the end: the exit code, or minus the signal that ended it.
  int Wait();

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  using File = std::unique_ptr<std::FILE, CloseFile>;

  bool HasEnded();

  const File output_;
  const File error_output_;
  pid_t pid_ = -1;  // -1 once it has been waited for
  int status_ = 0;
};

}  // namespace descent::testing

#endif  // TESTS_SUPPORT_PROCESS_H_
