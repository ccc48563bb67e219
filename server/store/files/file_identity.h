// Whether a file that is open is still the one at its path.
//
// What is written to a file that was deleted, or that another file system was mounted over, is
// gone with the process, though every write and sync succeeds. So it is looked at before anything
// is acknowledged.

#ifndef SERVER_STORE_FILES_FILE_IDENTITY_H_
#define SERVER_STORE_FILES_FILE_IDENTITY_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"

namespace descent::store {

class FileIdentity {
 public:
  // The identity of no file, which is always right.
  FileIdentity() = default;
  // Of what is at the path now; of nothing if nothing is, as where a test has a file system of its
  // own.
  static FileIdentity Of(const std::string& path);

  // UNAVAILABLE (STORAGE_FAILED) when the path leads to no file or to another. Costs about a
  // microsecond. Rights that have changed since do not matter: the file is open.
  absl::Status Check() const;

 private:
  std::string path_;  // empty: of nothing
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace descent::store

#endif  // SERVER_STORE_FILES_FILE_IDENTITY_H_
