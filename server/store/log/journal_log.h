// The journal's log: what is appended to journals is first written here and made durable with one
// sync, and moved into the table `journal` only if it is still needed when its place is.
//
// Two files, written in turn and over again, so that a commit in the steady state changes neither
// their sizes nor anything else that a file system would have to note. docs/storage_format.md,
// "Journal log", describes them.

#ifndef SERVER_STORE_LOG_JOURNAL_LOG_H_
#define SERVER_STORE_LOG_JOURNAL_LOG_H_

#include <sqlite3.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clock/duration_histogram.h"
#include "server/store/files/file_identity.h"
#include "server/store/files/vfs_file.h"
#include "server/store/log/journal_frame.h"
#include "server/store/tables/journal_table.h"

namespace descent::store {

// Used by one thread.
class JournalLog {
 public:
  struct Options {
    sqlite3_vfs* vfs = nullptr;
    std::string directory;
    // About the size of each of the two files.
    std::int64_t file_bytes = 0;
    bool read_only = false;
    // The database says that it belongs together with a log, of which no file may be missing then.
    bool is_needed = false;
    // Counts how long the commits' syncs take; null: nobody does. Outlives the log.
    DurationHistogram* syncs = nullptr;
  };

  // Reads what is there. A commit at the end that a crash has torn is not there. DATA_LOSS if
  // anything else is damaged and it can't be told what; records that are damaged are found when
  // they are read.
  static absl::StatusOr<std::unique_ptr<JournalLog>> Open(Options options);

  // Makes durable what was found; before the first commit. Where the process before has failed to
  // sync, what is read may come from the system's memory alone, and another sync would not write
  // it: so what may not have been synced, the last commit and the header, is written again.
  absl::Status MakeDurable();

  // What there is of a log.
  struct Presence {
    bool first = false;        // the first file
    bool has_content = false;  // something was written to one of them
  };
  static absl::StatusOr<Presence> Look(sqlite3_vfs* vfs, const std::string& directory);

  // Where its two files are, 0 and 1.
  static std::string PathOf(const std::string& directory, int which);

  // Makes the first file, if it is not there, and its name durable. It is there before the database
  // says that it belongs together with a log, and until it no longer does.
  static absl::Status MakeFirst(sqlite3_vfs* vfs, const std::string& directory);

  // Writes the rows as one commit. If there is no place for it, or if it is large, they belong into
  // the table instead: false, and nothing is done. After an error it is not known what is on the
  // disk; after RESOURCE_EXHAUSTED nothing of it counts.
  absl::StatusOr<bool> Commit(std::span<const FrameRow> rows);

  // Rows that are here, by id, and not yet released.
  std::vector<JournalRow> Rows() const;
  bool empty() const { return rows_.empty(); }
  bool Contains(std::int64_t id) const { return rows_.contains(id); }
  // The records of a row that is here. DATA_LOSS.
  absl::StatusOr<std::string> Read(std::int64_t id);

  // The row is not needed any more, or is in the table and will stay there. Whether it was here.
  bool Release(std::int64_t id);

  // Rows to be moved into the table, the oldest, of about so many bytes, so that there will be
  // place for further commits; none while there is.
  std::vector<JournalRow> RowsToMove(std::int64_t most_bytes) const;
  bool wants_moving() const;
  // The oldest rows that can be read, of about so many bytes.
  std::vector<JournalRow> ReadableRows(std::int64_t most_bytes) const;

  // The highest ids of all rows that were ever found or written here.
  std::int64_t last_row_id() const { return last_row_id_; }
  std::int64_t last_model_id() const { return last_model_id_; }

  // UNAVAILABLE (STORAGE_FAILED) when a file, or that of the last commit, is no longer at its path.
  absl::Status CheckFiles() const;
  absl::Status CheckLastFile() const {
    return files_[static_cast<std::size_t>(active_)].identity.Check();
  }

  // Removes the files, unless they hold rows.
  absl::Status Remove();

 private:
  // A file, and what has been written to it since it last began.
  struct File {
    std::string path;
    std::unique_ptr<VfsFile> file;  // null: not there
    FileIdentity identity;
    std::uint64_t generation = 0;  // 0: has never begun
    std::uint64_t salt = 0;
    std::uint64_t commits_before = 0;  // in the other file, when this one began
    std::uint64_t commits = 0;
    std::int64_t last = 0;              // where the last of them begins
    std::int64_t end = 0;               // of what was committed
    std::int64_t size = 0;              // of the file, as far as is known
    std::map<std::int64_t, bool> live;  // rows by id: whether they can't be read
  };
  struct Place {
    int file = 0;
    std::int64_t offset = 0;
    FoundFrameRow found;
  };

  explicit JournalLog(Options options);

  absl::Status Load(int which);
  absl::Status LoadFrames(int which, std::string_view bytes);
  // What is at `offset`, where no right frame begins: OK if it may be a commit that was not
  // finished.
  static absl::Status CheckEnd(const File& file, std::string_view bytes, std::size_t offset);
  void AddRows(int which, std::int64_t offset, const FrameHead& head);
  // Where a small commit is about to make the file grow, makes it grow by more at once, so that
  // those after it find their places made.
  static absl::Status MakePlace(File* file, std::int64_t end, std::int64_t file_bytes);
  // Begins the file anew: what was in it is gone.
  absl::Status Begin(int which);
  bool HasPlace(const File& file, std::int64_t bytes) const;
  std::vector<JournalRow> Oldest(const File& file, std::int64_t most_bytes) const;

  const Options options_;
  std::array<File, 2> files_;
  int active_ = 0;
  std::map<std::int64_t, Place> rows_;
  std::int64_t last_row_id_ = 0;
  std::int64_t last_model_id_ = 0;
};

}  // namespace descent::store

#endif  // SERVER_STORE_LOG_JOURNAL_LOG_H_
