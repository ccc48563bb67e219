#include "server/store/files/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/store/errors.h"

namespace descent::store {
namespace {

absl::Status SystemError(const std::string& path, const char* what, int error) {
  return StorageFailed(
      absl::StrCat("can't ", what, " ", path, ": ", std::generic_category().message(error)));
}

std::string Holder(int file) {
  char text[32];
  const ssize_t size = ::pread(file, text, sizeof(text), 0);
  std::string id(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  id.resize(id.find_last_not_of('\n') + 1);
  return id.empty() ? "another process" : absl::StrCat("process ", id);
}

absl::Status SyncPath(const std::string& directory) {
  const int file = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return SystemError(directory, "open", errno);
  const int error = ::fsync(file) == 0 ? 0 : errno;
  ::close(file);
  if (error != 0) return SystemError(directory, "sync", error);
  return absl::OkStatus();
}

// Makes it, with the rights of `mode`, and makes every new name durable, the outermost first.
absl::Status MakeDirectory(const std::filesystem::path& directory, mode_t mode) {
  std::error_code error;
  if (directory.empty() || std::filesystem::is_directory(directory, error)) {
    return absl::OkStatus();
  }
  if (std::filesystem::exists(directory, error)) {
    return SystemError(directory.string(), "make", ENOTDIR);
  }
  const std::filesystem::path parent = directory.parent_path();
  if (parent != directory) RETURN_IF_ERROR(MakeDirectory(parent, 0777));
  if (::mkdir(directory.c_str(), mode) != 0) {
    return SystemError(directory.string(), "make", errno);
  }
  return SyncPath(parent.empty() ? "." : parent.string());
}

}  // namespace

absl::StatusOr<DirectoryLock> DirectoryLock::Take(const std::string& directory) {
  // Models may say much about the data that they learnt from: they are nobody else's to read.
  RETURN_IF_ERROR(MakeDirectory(directory, 0700));
  const std::string path = directory + "/descentd.lock";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return SystemError(path, "open", errno);
  DirectoryLock lock(directory, file);
  while (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) return DataDirectoryInUse(directory, Holder(file));
    return SystemError(path, "lock", errno);
  }
  const std::string id = absl::StrCat(::getpid(), "\n");
  // On a full disk the name is missing, and the lock holds all the same.
  if ((::ftruncate(file, 0) != 0 ||
       ::pwrite(file, id.data(), id.size(), 0) != static_cast<ssize_t>(id.size())) &&
      errno != ENOSPC && errno != EDQUOT) {
    return SystemError(path, "write", errno);
  }
  return lock;
}

DirectoryLock::~DirectoryLock() {
  if (file_ >= 0) ::close(file_);
}

DirectoryLock::DirectoryLock(DirectoryLock&& other) noexcept
    : directory_(std::move(other.directory_)), file_(std::exchange(other.file_, -1)) {}

DirectoryLock& DirectoryLock::operator=(DirectoryLock&& other) noexcept {
  std::swap(directory_, other.directory_);
  std::swap(file_, other.file_);
  return *this;
}

absl::Status DirectoryLock::SyncDirectory() const { return SyncPath(directory_); }

}  // namespace descent::store
