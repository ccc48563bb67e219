// Reads the members of a ZIP archive, several at a time.

#ifndef CLIENT_CLI_ARRAYS_ZIP_ARCHIVE_H_
#define CLIENT_CLI_ARRAYS_ZIP_ARCHIVE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/arrays/byte_stream.h"
#include "client/cli/text/disk_file.h"

namespace descent::cli {

class ZipArchive {
 public:
  // A data error if the file is no archive, or has more than `max_members`.
  static absl::StatusOr<ZipArchive> Open(std::shared_ptr<const DiskFile> file, size_t max_members);

  const std::vector<std::string>& members() const { return members_; }

  // Uncompresses a member from its beginning, in constant memory (80 kB). Reading gives a data
  // error about `name` if it is damaged, encrypted, or packed in another way than by deflate.
  absl::StatusOr<std::unique_ptr<ByteStream>> OpenMember(size_t member, std::string name) const;

 private:
  explicit ZipArchive(std::shared_ptr<const DiskFile> file) : file_(std::move(file)) {}

  std::shared_ptr<const DiskFile> file_;
  std::vector<std::string> members_;  // names, in the archive's order
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_ARRAYS_ZIP_ARCHIVE_H_
