// The access file, read at the start and again whenever it has changed.

#ifndef SERVER_ACCESS_RULES_FILE_H_
#define SERVER_ACCESS_RULES_FILE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/access/rules.h"

struct stat;

namespace descent::access {

inline constexpr std::size_t kMostFileBytes = std::size_t{1} << 20;

// Not thread-safe.
class RulesFile {
 public:
  explicit RulesFile(std::string path) : path_(std::move(path)) {}

  // What is in the file now. INVALID_ARGUMENT, naming the file, if it can't be read, is no file,
  // has more than kMostFileBytes, or says something wrong, see ParseRules.
  absl::StatusOr<Rules> Read();

  // The rules if the file has changed since they were read last, or the error that they can't be
  // read, once for each state of the file; otherwise empty. A change is taken when the file is
  // found the same twice, so that one which is being written is not read by halves: two calls after
  // it at the latest. It is seen whether the file was written to, replaced, or is behind a symbolic
  // link that was replaced.
  std::optional<absl::StatusOr<Rules>> Look();

  const std::string& path() const { return path_; }

 private:
  // What tells one state of a file from another without reading it.
  struct State {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t modified = 0;  // the contents, and in `changed` the file's entry, in ns since 1970
    std::int64_t changed = 0;

    bool operator==(const State&) const = default;
  };
  struct Contents {
    std::string text;
    State state;
  };

  static State StateOf(const struct stat& status);
  absl::StatusOr<State> StateNow() const;
  absl::StatusOr<Contents> ReadContents() const;
  absl::Status Unreadable(const std::string& why) const;
  // The error, unless it is the one that was told last.
  std::optional<absl::StatusOr<Rules>> TellOnce(const absl::Status& status);

  const std::string path_;
  std::optional<State> taken_;  // of the contents that were read last, right or wrong
  std::optional<State> seen_;   // at the last look
  std::string told_;            // why the file could not be read at the last look; empty: it could
};

}  // namespace descent::access

#endif  // SERVER_ACCESS_RULES_FILE_H_
