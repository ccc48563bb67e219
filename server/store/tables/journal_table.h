// The table `journal`: the records of one model that one commit kept are one row. Rows are written
// to the journal's log first (journal_log.h), most of them.

#ifndef SERVER_STORE_TABLES_JOURNAL_TABLE_H_
#define SERVER_STORE_TABLES_JOURNAL_TABLE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/store/records.h"
#include "server/store/tables/sqlite_connection.h"

namespace descent::store {

// What records say together, for people.
struct UpdateSummary {
  std::int64_t records = 0;  // not a column
  std::int64_t first_step = 0;
  std::int64_t last_step = 0;
  std::int64_t batches = 0;  // updates that trained
  std::int64_t rows = 0;
  double loss = 0;           // the mean over the rows
  double gradient_norm = 0;  // of the last that trained
  double learning_rate = 0;  // of the last that trained

  void Add(const UpdateRecord& record);
};

struct JournalRow {
  std::int64_t id = 0;
  std::int64_t model_id = 0;
  std::int64_t first_position = 0;
  std::int64_t last_position = 0;
  UpdateSummary summary;
  absl::Time time;  // of the last record
  std::int64_t build_id = 0;
  std::int64_t size_bytes = 0;  // of the records
  std::uint64_t records_checksum = 0;
};

// A row as it was found, without its records.
struct FoundJournalRow {
  JournalRow row;
  // Whether its checksum matches. If it does not, `row.model_id` is the model it belongs to as far
  // as can be told, or 0.
  bool intact = false;
};

// Used by one thread.
class JournalTable {
 public:
  explicit JournalTable(Connection* connection);

  // Sets the row's size and checksum by `records`.
  absl::Status Insert(JournalRow* row, std::string_view records);
  absl::Status Delete(std::int64_t id);

  absl::StatusOr<std::vector<std::int64_t>> ReadIds();
  // All rows, by id. `models`: the ids that may be.
  absl::StatusOr<std::vector<FoundJournalRow>> ReadAll(const std::vector<std::int64_t>& models);
  // The records of a row, checked. What it was found as, here or in the log, does not matter, as
  // long as it is the same row. DATA_LOSS.
  absl::StatusOr<std::string> ReadRecords(const JournalRow& row);

 private:
  Statement insert_;
  Statement delete_;
  Statement select_;
  Statement records_;
  Statement ids_;
};

}  // namespace descent::store

#endif  // SERVER_STORE_TABLES_JOURNAL_TABLE_H_
