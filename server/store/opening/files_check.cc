#include "server/store/opening/files_check.h"

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/status_macros.h"
#include "server/store/errors.h"
#include "server/store/files/vfs_file.h"
#include "server/store/log/journal_log.h"
#include "server/store/tables/schema.h"

namespace descent::store {
namespace {

// https://www.sqlite.org/fileformat2.html#the_database_header
constexpr std::int64_t kDatabaseHeaderSize = 100;
constexpr std::int64_t kPageSizeOffset = 16;
constexpr std::int64_t kApplicationIdOffset = 68;

// A number of the header, big-endian.
absl::StatusOr<std::int64_t> ReadNumber(VfsFile* file, std::int64_t offset, std::size_t size) {
  std::uint8_t bytes[4] = {};
  RETURN_IF_ERROR(file->Read(offset, bytes, size));
  std::int64_t number = 0;
  for (std::size_t i = 0; i < size; ++i) number = number << 8 | bytes[i];
  return number;
}

// SQLite takes a page that is not all there for one that ends in zeros.
absl::Status CheckSize(VfsFile* file, std::int64_t size) {
  ASSIGN_OR_RETURN(std::int64_t page_size, ReadNumber(file, kPageSizeOffset, 2));
  if (page_size == 1) page_size = 65536;
  if (page_size > 0 && size % page_size == 0) return absl::OkStatus();
  return StoredStateDamaged("descent.db is cut short: it ends within a page. Restore a backup");
}

}  // namespace

absl::StatusOr<bool> CheckFiles(sqlite3_vfs* vfs, const std::string& directory,
                                const std::string& path, bool accept_missing_logs) {
  ASSIGN_OR_RETURN(const JournalLog::Presence journal, JournalLog::Look(vfs, directory));
  ASSIGN_OR_RETURN(const bool is_there, FileIsThere(vfs, path));
  if (!is_there) {
    if (!journal.has_content) return false;
    return StoredStateDamaged("descent.db is missing, but the journal's log is there");
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<VfsFile> file,
                   VfsFile::Open(vfs, path, SQLITE_OPEN_MAIN_DB));
  std::int64_t size = 0;
  if (file != nullptr) {
    ASSIGN_OR_RETURN(size, file->Size());
  }
  if (size == 0) {
    if (journal.first && !journal.has_content) return false;
    return StoredStateDamaged(
        "descent.db is empty (0 bytes): the models that were in it are gone. Restore a backup; if "
        "there never were any, remove the file");
  }
  if (size < kDatabaseHeaderSize) return false;  // SQLite says that it is no database
  ASSIGN_OR_RETURN(const std::int64_t application_id,
                   ReadNumber(file.get(), kApplicationIdOffset, 4));
  if (application_id == kApplicationId) {
    // What a log has may go after the end of the file.
    ASSIGN_OR_RETURN(const bool log_has_content, FileExists(vfs, path + "-wal"));
    if (!log_has_content) RETURN_IF_ERROR(CheckSize(file.get(), size));
  }
  if (application_id != kLiveApplicationId) return false;
  ASSIGN_OR_RETURN(const bool has_log, FileIsThere(vfs, path + "-wal"));
  if (has_log && journal.first) return true;
  if (accept_missing_logs) return false;
  return StoredStateDamaged(
      std::string(has_log         ? "journal.0 is"
                  : journal.first ? "descent.db-wal is"
                                  : "descent.db-wal and journal.0 are") +
      " missing: descent.db was copied from a running server, which is no backup, or its logs were "
      "deleted, and with them the latest changes, maybe all. Put the files of one moment together, "
      "or restore a backup; --accept-missing-logs serves what descent.db holds by itself");
}

}  // namespace descent::store
