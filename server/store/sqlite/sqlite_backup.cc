#include "server/store/sqlite/sqlite_backup.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/store/errors.h"
#include "server/store/files/vfs_file.h"
#include "server/store/sqlite/store_parts.h"
#include "server/store/tables/schema.h"

namespace descent::store {
namespace {

constexpr int kPagesAtOnce = 32;  // 2 MiB

absl::StatusOr<std::string> CopyPath(const SqliteStoreOptions& options) {
  return FullPath(sqlite3_vfs_find(options.vfs), absl::StrCat(options.directory, "/backup.db"));
}

class FileBackup final : public Backup {
 public:
  FileBackup(std::unique_ptr<VfsFile> file, std::int64_t size)
      : file_(std::move(file)), size_(size) {}

  std::int64_t size_bytes() const override { return size_; }

  absl::StatusOr<std::string> Read(std::size_t most) override {
    constexpr std::size_t kMost = std::size_t{64} << 20;
    const auto rest = static_cast<std::size_t>(size_ - position_);
    std::string bytes(std::min({most, rest, kMost}), '\0');
    if (bytes.empty()) return bytes;
    RETURN_IF_ERROR(file_->Read(position_, bytes.data(), bytes.size()));
    position_ += static_cast<std::int64_t>(bytes.size());
    return bytes;
  }

 private:
  const std::unique_ptr<VfsFile> file_;
  const std::int64_t size_;
  std::int64_t position_ = 0;
};

}  // namespace

std::string DatabasePath(const SqliteStoreOptions& options) {
  return absl::StrCat(options.directory, "/descent.db");
}

absl::Status RemoveBackupRemains(const SqliteStoreOptions& options) {
  ASSIGN_OR_RETURN(const std::string path, CopyPath(options));
  return RemoveFile(sqlite3_vfs_find(options.vfs), path);
}

absl::Status SqliteBackup::Begin() {
  RETURN_IF_ERROR(RemoveBackupRemains(parts_.options));
  ASSIGN_OR_RETURN(const std::string path, CopyPath(parts_.options));
  ASSIGN_OR_RETURN(
      copy_,
      Connection::Open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                       parts_.options.vfs));
  // Read once and gone, it need not last.
  for (const char* sql : {"PRAGMA locking_mode = EXCLUSIVE", "PRAGMA journal_mode = OFF",
                          "PRAGMA synchronous = OFF", "PRAGMA cache_size = -4096"}) {
    RETURN_IF_ERROR(copy_->Execute(sql));
  }
  backup_.reset(sqlite3_backup_init(copy_->get(), "main", parts_.connection->get(), "main"));
  if (backup_ == nullptr) return copy_->ErrorOf(sqlite3_extended_errcode(copy_->get()));
  return absl::OkStatus();
}

absl::StatusOr<bool> SqliteBackup::Copy() {
  if (backup_ == nullptr) RETURN_IF_ERROR(Begin());
  const int code = sqlite3_backup_step(backup_.get(), kPagesAtOnce);
  if (code == SQLITE_OK) return false;
  if (code == SQLITE_DONE) return true;
  return copy_->ErrorOf(code);
}

absl::Status SqliteBackup::CopyJournalLog() {
  backup_.reset();
  RETURN_IF_ERROR(MarkLive(copy_.get(), false));
  JournalTable table(copy_.get());
  RETURN_IF_ERROR(copy_->Execute("BEGIN"));
  for (JournalRow& row : parts_.log->Rows()) {
    ASSIGN_OR_RETURN(const std::string records, parts_.log->Read(row.id));
    RETURN_IF_ERROR(table.Insert(&row, records));
  }
  return copy_->Execute("COMMIT");
}

absl::StatusOr<std::unique_ptr<Backup>> SqliteBackup::Open() {
  copy_.reset();
  sqlite3_vfs* vfs = sqlite3_vfs_find(parts_.options.vfs);
  ASSIGN_OR_RETURN(const std::string path, CopyPath(parts_.options));
  ASSIGN_OR_RETURN(std::unique_ptr<VfsFile> file, VfsFile::Open(vfs, path, SQLITE_OPEN_MAIN_DB));
  if (file == nullptr) return StorageFailed(absl::StrCat(path, " has gone"));
  ASSIGN_OR_RETURN(const std::int64_t size, file->Size());
  RETURN_IF_ERROR(RemoveFile(vfs, path));
  return std::make_unique<FileBackup>(std::move(file), size);
}

void SqliteBackup::Step() {
  if (waiting_.empty()) return;
  absl::StatusOr<bool> copied = Copy();
  if (copied.ok() && !*copied) return;
  if (copied.ok()) {
    if (absl::Status status = CopyJournalLog(); !status.ok()) copied = std::move(status);
  }
  OnBackup done = std::move(waiting_.front());
  waiting_.pop_front();
  if (copied.ok()) {
    std::move(done)(Open());
  } else {
    backup_.reset();
    copy_.reset();
    (void)RemoveBackupRemains(parts_.options);
    std::move(done)(copied.status());
  }
}

}  // namespace descent::store
