#include "server/store/files/vfs_file.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/store/errors.h"
#include "server/store/files/sqlite_words.h"

namespace descent::store {
namespace {

absl::Status Failure(const std::string& path, const char* what, int code) {
  return StorageFailed(absl::StrCat("can't ", what, " ", path, ": ", InWords(code)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<VfsFile>> VfsFile::Open(sqlite3_vfs* vfs, const std::string& path,
                                                       int kind) {
  ASSIGN_OR_RETURN(const bool exists, FileExists(vfs, path));
  if (!exists) return nullptr;
  return OpenAs(vfs, path, SQLITE_OPEN_READONLY | kind);
}

absl::StatusOr<std::unique_ptr<VfsFile>> VfsFile::OpenOrMake(sqlite3_vfs* vfs,
                                                             const std::string& path) {
  return OpenAs(vfs, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_WAL);
}

absl::StatusOr<std::unique_ptr<VfsFile>> VfsFile::OpenAs(sqlite3_vfs* vfs, const std::string& path,
                                                         int flags) {
  std::unique_ptr<VfsFile> opened(new VfsFile(path, static_cast<std::size_t>(vfs->szOsFile)));
  opened->name_.reset(sqlite3_create_filename(path.c_str(), "", "", 0, nullptr));
  if (opened->name_ == nullptr) return Failure(path, "open", SQLITE_NOMEM);
  if (const int code = vfs->xOpen(vfs, opened->name_.get(), opened->file(), flags, &flags);
      code != SQLITE_OK) {
    return Failure(path, "open", code);
  }
  return opened;
}

VfsFile::~VfsFile() {
  if (file()->pMethods != nullptr) file()->pMethods->xClose(file());
}

absl::StatusOr<std::int64_t> VfsFile::Size() {
  sqlite3_int64 size = 0;
  if (const int code = file()->pMethods->xFileSize(file(), &size); code != SQLITE_OK) {
    return Failure(path_, "read", code);
  }
  return size;
}

absl::Status VfsFile::Read(std::int64_t offset, void* bytes, std::size_t size) {
  if (const int code = file()->pMethods->xRead(file(), bytes, static_cast<int>(size), offset);
      code != SQLITE_OK) {
    return Failure(path_, "read", code);
  }
  return absl::OkStatus();
}

absl::Status VfsFile::Write(std::int64_t offset, std::string_view bytes) {
  constexpr std::size_t kMost = std::size_t{64} << 10;  // SQLite's own takes less than 128 KiB
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, kMost);
    const int code =
        file()->pMethods->xWrite(file(), part.data(), static_cast<int>(part.size()), offset);
    if ((code & 0xff) == SQLITE_FULL) return StorageFull(absl::StrCat("can't write ", path_));
    if (code != SQLITE_OK) return Failure(path_, "write", code);
    offset += static_cast<std::int64_t>(part.size());
    bytes.remove_prefix(part.size());
  }
  return absl::OkStatus();
}

absl::Status VfsFile::Sync() {
  const int code = file()->pMethods->xSync(file(), SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
  return code == SQLITE_OK ? absl::OkStatus() : Failure(path_, "sync", code);
}

absl::StatusOr<bool> FileExists(sqlite3_vfs* vfs, const std::string& path) {
  int exists = 0;
  const int code = vfs->xAccess(vfs, path.c_str(), SQLITE_ACCESS_EXISTS, &exists);
  if (code != SQLITE_OK) return Failure(path, "look for", code);
  return exists != 0;
}

absl::StatusOr<bool> FileIsThere(sqlite3_vfs* vfs, const std::string& path) {
  ASSIGN_OR_RETURN(const bool exists, FileExists(vfs, path));
  if (exists) return true;
  int usable = 0;
  const int code = vfs->xAccess(vfs, path.c_str(), SQLITE_ACCESS_READWRITE, &usable);
  if (code != SQLITE_OK) return Failure(path, "look for", code);
  return usable != 0;
}

absl::StatusOr<std::string> FullPath(sqlite3_vfs* vfs, const std::string& path) {
  std::string full(static_cast<std::size_t>(vfs->mxPathname) + 1, '\0');
  const int code =
      vfs->xFullPathname(vfs, path.c_str(), static_cast<int>(full.size()), full.data());
  if (code != SQLITE_OK && code != SQLITE_OK_SYMLINK) return Failure(path, "find", code);
  full.resize(full.find('\0'));
  return full;
}

absl::Status RemoveFile(sqlite3_vfs* vfs, const std::string& path) {
  const int code = vfs->xDelete(vfs, path.c_str(), 0);
  if (code != SQLITE_OK && code != SQLITE_IOERR_DELETE_NOENT) {
    return Failure(path, "remove", code);
  }
  return absl::OkStatus();
}

}  // namespace descent::store
