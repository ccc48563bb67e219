// Files beside SQLite's but through its file system, so that tests which replace that see what is
// done with these too.

#ifndef SERVER_STORE_FILES_VFS_FILE_H_
#define SERVER_STORE_FILES_VFS_FILE_H_

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace descent::store {

class VfsFile {
 public:
  // For reading. Null if there is no such file, or an empty one. `kind`: SQLITE_OPEN_WAL,
  // SQLITE_OPEN_MAIN_DB.
  static absl::StatusOr<std::unique_ptr<VfsFile>> Open(sqlite3_vfs* vfs, const std::string& path,
                                                       int kind);
  // For reading and writing. Made if it is not there; the first Sync makes its name durable too.
  static absl::StatusOr<std::unique_ptr<VfsFile>> OpenOrMake(sqlite3_vfs* vfs,
                                                             const std::string& path);
  ~VfsFile();
  VfsFile(const VfsFile&) = delete;
  VfsFile& operator=(const VfsFile&) = delete;

  absl::StatusOr<std::int64_t> Size();
  // Exactly `size` bytes, which must be there.
  absl::Status Read(std::int64_t offset, void* bytes, std::size_t size);
  // RESOURCE_EXHAUSTED (STORAGE_FULL) when there is no room; a part may be written.
  absl::Status Write(std::int64_t offset, std::string_view bytes);
  // Waits until what was written is on the disk (fdatasync).
  absl::Status Sync();

 private:
  struct FreeName {
    void operator()(const char* name) const {
      sqlite3_free_filename(const_cast<char*>(name));  // NOLINT: the API's own type
    }
  };

  static absl::StatusOr<std::unique_ptr<VfsFile>> OpenAs(sqlite3_vfs* vfs, const std::string& path,
                                                         int flags);

  VfsFile(std::string path, std::size_t handle_size)
      : path_(std::move(path)),
        handle_(std::make_unique<std::max_align_t[]>(handle_size / sizeof(std::max_align_t) + 1)) {}

  sqlite3_file* file() { return static_cast<sqlite3_file*>(static_cast<void*>(handle_.get())); }

  std::string path_;
  std::unique_ptr<const char, FreeName> name_;  // must outlive the open file
  std::unique_ptr<std::max_align_t[]> handle_;
};

// The full path as `vfs` writes it.
absl::StatusOr<std::string> FullPath(sqlite3_vfs* vfs, const std::string& path);

// As SQLite has it: an empty file does not count.
absl::StatusOr<bool> FileExists(sqlite3_vfs* vfs, const std::string& path);
// Also true for an empty file.
absl::StatusOr<bool> FileIsThere(sqlite3_vfs* vfs, const std::string& path);

// Removes the file if it is there.
absl::Status RemoveFile(sqlite3_vfs* vfs, const std::string& path);

}  // namespace descent::store

#endif  // SERVER_STORE_FILES_VFS_FILE_H_
