// The tables and the log of a store, and what is counted and thrown away of them.

#ifndef SERVER_STORE_SQLITE_STORE_TABLES_H_
#define SERVER_STORE_SQLITE_STORE_TABLES_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/store/files/file_identity.h"
#include "server/store/log/journal_log.h"
#include "server/store/sqlite/journal_writer.h"
#include "server/store/sqlite/kept_model.h"
#include "server/store/sqlite/retention.h"
#include "server/store/sqlite/trash.h"
#include "server/store/sqlite_options.h"
#include "server/store/store.h"
#include "server/store/tables/checkpoint_table.h"
#include "server/store/tables/journal_table.h"
#include "server/store/tables/registry_tables.h"
#include "server/store/tables/sqlite_connection.h"

namespace descent::store {

// Used by the store's thread alone once that runs: whoever is given a pointer is called by it.
// Nothing here begins a transaction.
struct StoreTables {
  StoreTables(const SqliteStoreOptions& store_options, Connection* store_connection,
              JournalLog* store_log);

  // Reads which build this is in the file and which ids are free. Writes nothing.
  absl::Status Load();

  // Within a transaction: makes this build known to the file if it is not.
  absl::Status WriteBuild();
  // Within a transaction: takes off the list and deletes what the retention says.
  absl::Status Write(const Retention& retention);

  // The records of a row of the journal, wherever it is. DATA_LOSS.
  absl::StatusOr<std::string> ReadRecords(const JournalRow& row);
  // Within a transaction: puts rows that the log has into the table. They may be released when that
  // is committed; those that can't be read stay.
  absl::StatusOr<std::vector<std::int64_t>> MoveRows(const std::vector<JournalRow>& rows);
  // Rows of the journal that nothing needs any more.
  void ThrowAway(const std::vector<LiveRow>& rows);

  // UNAVAILABLE (STORAGE_FAILED) when a file of the store is no longer at its path, so that what is
  // written would go with the process.
  absl::Status CheckFiles() const;

  // Gives the model an id if the file has nothing of it yet.
  void EnsureId(KeptModel* model) {
    if (model->row.id == 0) model->row.id = next_model_id++;
  }

  const SqliteStoreOptions& options;
  Connection* const connection;
  JournalLog* const log;
  // The files of the database and of its write-ahead log.
  std::vector<FileIdentity> files;

  BuildsTable builds;
  ModelsTable models;
  RequestsTable requests;
  JournalTable journal;
  CheckpointTable checkpoints;

  // Counted by whoever does it.
  std::shared_ptr<StoreNumbers> numbers = std::make_shared<StoreNumbers>();

  JournalWriter journal_writer;
  Trash trash;

  // The id of this build, whether the file knows it yet or not.
  std::int64_t build_id = 0;
  bool build_is_known = false;
  // Ids of the builds whose engine computes the same bits as this one's, itself among them. Not
  // changed after Load, so that other threads may ask.
  std::set<std::int64_t> builds_of_this_engine;

  std::int64_t next_model_id = 1;
  std::int64_t next_checkpoint_id = 1;
};

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_STORE_TABLES_H_
