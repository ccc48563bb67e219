// The file that a backup or an export goes to: whole and on the disk under its name, or not there
// at all.

#ifndef CLIENT_CLI_COMMANDS_BACKUP_FILE_H_
#define CLIENT_CLI_COMMANDS_BACKUP_FILE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace descent::cli {

// Bytes go to PATH.partial, which takes its final name when it is whole. Readable by its owner
// alone.
class BackupFile {
 public:
  // A usage error when `path` is there already, unless it is to be replaced; a file error when
  // PATH.partial can't be written, or another process is writing it. What an earlier backup has
  // left in it is overwritten.
  static absl::StatusOr<std::unique_ptr<BackupFile>> Create(const std::string& path, bool replace);

  // Removes PATH.partial unless Commit has succeeded.
  ~BackupFile();
  BackupFile(const BackupFile&) = delete;
  BackupFile& operator=(const BackupFile&) = delete;

  absl::Status Append(absl::string_view bytes);

  // Forgets what was appended.
  absl::Status Restart();

  // Syncs the file, gives it its name, syncs the directory. OK: a power cut can't take it back.
  absl::Status Commit();

 private:
  BackupFile(std::string path, bool replace, int descriptor);
  absl::Status Rename() const;

  const std::string path_;
  const std::string partial_;
  const bool replace_;
  int descriptor_;  // -1: closed
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_COMMANDS_BACKUP_FILE_H_
