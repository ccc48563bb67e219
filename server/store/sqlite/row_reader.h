// Reads the records of a model's rows while the ones before are applied.

#ifndef SERVER_STORE_SQLITE_ROW_READER_H_
#define SERVER_STORE_SQLITE_ROW_READER_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/store/sqlite/store_thread.h"
#include "server/store/tables/journal_table.h"

namespace descent::store {

// Only the store's thread may read the file, and applying records takes about as long as reading
// them. So rows are read in chunks of some megabytes, and one chunk ahead of the one that was
// handed out. Used by one thread.
class RowReader {
 public:
  // `rows` must stay as they are for as long as this lives.
  RowReader(StoreThread* thread, const std::vector<JournalRow>* rows);
  // Waits for what is being read.
  ~RowReader();
  RowReader(const RowReader&) = delete;
  RowReader& operator=(const RowReader&) = delete;

  struct Row {
    const JournalRow* row = nullptr;
    absl::StatusOr<std::string> records;  // as bytes; DATA_LOSS
  };

  // The row that comes next; null after the last one.
  const JournalRow* next() const { return next_ < rows_->size() ? &(*rows_)[next_] : nullptr; }
  // Leaves the next row out. Not after the first Read.
  void Skip() { ++next_; }

  // The next rows, in order; empty after the last one. Waits for the disk.
  std::vector<Row> Read();

 private:
  struct Chunk;

  // Asks the store's thread for the rows from `begin` on; null if there are none.
  std::unique_ptr<Chunk> StartReading(std::size_t begin);

  StoreThread* const thread_;
  const std::vector<JournalRow>* const rows_;
  std::size_t next_ = 0;
  std::unique_ptr<Chunk> ahead_;  // on its way from the store's thread, or null
};

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_ROW_READER_H_
