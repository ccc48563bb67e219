// Telling the user what is being waited for, where a command would otherwise seem to hang.

#ifndef CLIENT_CLI_DISPLAY_TROUBLE_H_
#define CLIENT_CLI_DISPLAY_TROUBLE_H_

#include <functional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace descent::cli {

// What a failure that is tried again means, in a line: "the server's disk is full, waiting for room
// (…)", "trying again: connection refused".
std::string TroubleText(const absl::Status& cause);

// Notes on standard error, one for each cause and trouble: at once where the server's storage is at
// fault, which takes somebody's help, and otherwise when it has lasted for a second. Thread-safe.
class TroubleNotes {
 public:
  using Write = std::function<void(const std::string& line)>;
  // `write`: Note, but for tests.
  explicit TroubleNotes(Write write) : write_(std::move(write)) {}

  // As ClientOptions::on_retry.
  void Add(const absl::Status& cause, absl::Duration since);

  // Called before a line is written, to take away what is in its place. Null: nothing is.
  void SetBefore(std::function<void()> before);

 private:
  const Write write_;
  absl::Mutex mutex_;
  std::function<void()> before_ ABSL_GUARDED_BY(mutex_);
  absl::Duration last_since_ ABSL_GUARDED_BY(mutex_) = absl::ZeroDuration();
  std::string last_line_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_DISPLAY_TROUBLE_H_
