// A file that lines are appended to by a thread of its own, so that nobody waits for the disk.

#ifndef SERVER_OPS_LOG_FILE_H_
#define SERVER_OPS_LOG_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/ops/file.h"
#include "server/ops/ticker.h"

namespace descent::ops {

// Written five times a second. Whoever moves the file away, as logrotate does, finds a new one in
// its place within a second; whoever cuts it short (`copytruncate`) loses nothing that comes later.
// What can't be written, or comes faster than it is, is dropped, and the log says how much; a line
// is written whole or not at all, but for one that a full disk has cut. Thread-safe.
class LogFile {
 public:
  // Bytes that wait to be written.
  static constexpr std::size_t kMostHeld = std::size_t{16} << 20;

  // Opens or makes it, for its owner and group to read. INVALID_ARGUMENT with the system's reason.
  // `what` is it, for messages: "the access log".
  static absl::StatusOr<std::unique_ptr<LogFile>> Open(std::string path, std::string what);
  // Writes what is held.
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  // Takes a line without its end, or drops it.
  void Append(std::string_view line);

  // Writes what is held now.
  void Flush();

  // Lines that were dropped.
  std::int64_t dropped() const;

 private:
  LogFile(std::string path, std::string what, File file);
  // Opens the file anew if it is not what the path names any more.
  void Follow() ABSL_EXCLUSIVE_LOCKS_REQUIRED(writing_);
  // An errno, or 0.
  int Write(std::string_view text) ABSL_EXCLUSIVE_LOCKS_REQUIRED(writing_);

  const std::string path_;
  const std::string what_;

  mutable absl::Mutex mutex_;
  std::string held_ ABSL_GUARDED_BY(mutex_);
  std::int64_t held_lines_ ABSL_GUARDED_BY(mutex_) = 0;
  std::int64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;

  absl::Mutex writing_ ABSL_ACQUIRED_BEFORE(mutex_);  // the ticker's, and Flush's
  File file_ ABSL_GUARDED_BY(writing_);
  std::string text_ ABSL_GUARDED_BY(writing_);
  bool torn_ ABSL_GUARDED_BY(writing_) = false;      // a line was cut
  bool failing_ ABSL_GUARDED_BY(writing_) = false;   // the log has said so
  std::int64_t told_ ABSL_GUARDED_BY(writing_) = 0;  // of those that were dropped

  Ticker ticker_;  // ends before what it writes
};

}  // namespace descent::ops

#endif  // SERVER_OPS_LOG_FILE_H_
