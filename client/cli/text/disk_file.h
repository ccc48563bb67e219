// A file that can be read anywhere, any number of times.

#ifndef CLIENT_CLI_TEXT_DISK_FILE_H_
#define CLIENT_CLI_TEXT_DISK_FILE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace descent::cli {

class DiskFile {
 public:
  // Fills *piece with what comes next; false at the end.
  using Source = std::function<absl::StatusOr<bool>(std::string* piece)>;

  // What an open descriptor holds from `start` on. `name` is the file's in messages.
  static absl::StatusOr<std::shared_ptr<const DiskFile>> Of(int descriptor, int64_t start,
                                                            std::string name);

  // What a source gives, kept in a file without a name in $TMPDIR (or /tmp), which is gone with
  // this. A data error if it can't be written there.
  static absl::StatusOr<std::shared_ptr<const DiskFile>> Spool(const Source& source,
                                                               std::string name);

  ~DiskFile();
  DiskFile(const DiskFile&) = delete;
  DiskFile& operator=(const DiskFile&) = delete;

  const std::string& name() const { return name_; }
  int64_t size() const { return size_; }

  // Reads up to `bytes` from `offset` on, fewer only at the end. Any thread may.
  absl::StatusOr<size_t> Read(int64_t offset, char* to, size_t bytes) const;

 private:
  DiskFile(int descriptor, int64_t start, std::string name);

  const int descriptor_;
  const int64_t start_;
  const std::string name_;
  int64_t size_ = 0;
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_TEXT_DISK_FILE_H_
