// One process to a data directory.

#ifndef SERVER_STORE_FILES_DIRECTORY_LOCK_H_
#define SERVER_STORE_FILES_DIRECTORY_LOCK_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace descent::store {

// Holds the directory until it is destroyed, or the process ends, however it ends: the lock is the
// kernel's (flock), on the file `descentd.lock`, which holds the process's id for people to read.
class DirectoryLock {
 public:
  // Makes the directory and its parents if need be. FAILED_PRECONDITION (DATA_DIRECTORY_IN_USE),
  // UNAVAILABLE (STORAGE_FAILED).
  static absl::StatusOr<DirectoryLock> Take(const std::string& directory);

  ~DirectoryLock();
  DirectoryLock(DirectoryLock&& other) noexcept;
  DirectoryLock& operator=(DirectoryLock&& other) noexcept;

  // Makes the names in the directory last.
  absl::Status SyncDirectory() const;

 private:
  DirectoryLock(std::string directory, int file) : directory_(std::move(directory)), file_(file) {}

  std::string directory_;
  int file_ = -1;
};

}  // namespace descent::store

#endif  // SERVER_STORE_FILES_DIRECTORY_LOCK_H_
