#include "client/cli/commands/backup_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

absl::Status WriteError(const std::string& path) {
  return FileError(path, std::generic_category().message(errno));
}

absl::Status IsThereAlready(const std::string& path) {
  return UsageError(absl::StrCat(path, " is there already; --force replaces it"));
}

// Nobody else may write to the file, or give it its name, between its opening and its locking.
absl::Status LockAndEmpty(int descriptor, const std::string& path) {
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    return errno == EWOULDBLOCK ? FileError(path, "another process is writing it")
                                : WriteError(path);
  }
  struct stat opened {};
  struct stat named {};
  if (fstat(descriptor, &opened) != 0 || stat(path.c_str(), &named) != 0 ||
      opened.st_dev != named.st_dev || opened.st_ino != named.st_ino) {
    return FileError(path, "another process has just written it");
  }
  if (ftruncate(descriptor, 0) != 0) return WriteError(path);
  return absl::OkStatus();
}

absl::Status SyncDirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int descriptor = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return WriteError(directory);
  absl::Status status = fsync(descriptor) == 0 ? absl::OkStatus() : WriteError(directory);
  close(descriptor);
  return status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<BackupFile>> BackupFile::Create(const std::string& path,
                                                               bool replace) {
  struct stat there {};
  if (lstat(path.c_str(), &there) == 0) {
    if (S_ISDIR(there.st_mode)) return UsageError(absl::StrCat(path, " is a directory"));
    if (!replace) return IsThereAlready(path);
  }
  const std::string partial = absl::StrCat(path, ".partial");
  const int descriptor =
      open(partial.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
  if (descriptor < 0) return WriteError(partial);
  if (absl::Status status = LockAndEmpty(descriptor, partial); !status.ok()) {
    close(descriptor);
    return status;
  }
  return std::unique_ptr<BackupFile>(new BackupFile(path, replace, descriptor));
}

BackupFile::BackupFile(std::string path, bool replace, int descriptor)
    : path_(std::move(path)),
      partial_(absl::StrCat(path_, ".partial")),
      replace_(replace),
      descriptor_(descriptor) {}

BackupFile::~BackupFile() {
  if (descriptor_ < 0) return;
  unlink(partial_.c_str());  // before the lock goes
  close(descriptor_);
}

absl::Status BackupFile::Append(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return WriteError(partial_);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status BackupFile::Restart() {
  if (ftruncate(descriptor_, 0) != 0 || lseek(descriptor_, 0, SEEK_SET) != 0) {
    return WriteError(partial_);
  }
  return absl::OkStatus();
}

absl::Status BackupFile::Commit() {
  if (fsync(descriptor_) != 0) return WriteError(partial_);
  RETURN_IF_ERROR(Rename());
  close(std::exchange(descriptor_, -1));
  return SyncDirectoryOf(path_);
}

absl::Status BackupFile::Rename() const {
  if (!replace_) {
    if (renameat2(AT_FDCWD, partial_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) == 0) {
      return absl::OkStatus();
    }
    if (errno == EEXIST) return IsThereAlready(path_);
    if (errno != EINVAL && errno != ENOSYS) return WriteError(path_);
    // A file system that can't: that the name was free when this began is all there is to know.
  }
  if (std::rename(partial_.c_str(), path_.c_str()) != 0) return WriteError(path_);
  return absl::OkStatus();
}

}  // namespace descent::cli
