#include "server/store/schema.h"

#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/store/errors.h"

namespace descent::store {
namespace {

// Names, times (nanoseconds since 1970, in the history seconds) and sums for people; blobs for
// tensors. docs/storage_format.md describes each column.
//
// A blob that is read apart from its row is its last column, and has a checksum of its own, which
// the row's covers. No table has a second index: SQLite's quick_check would not compare it.
constexpr char kVersion1[] = R"sql(
CREATE TABLE builds (
  id INTEGER PRIMARY KEY,
  build TEXT NOT NULL,
  instruction_set TEXT NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;
CREATE TABLE models (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  initial_settings TEXT NOT NULL,
  create_time INTEGER NOT NULL,
  initial_state_hash INTEGER NOT NULL,
  build_id INTEGER NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;
CREATE TABLE checkpoints (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  model_id INTEGER NOT NULL,
  step INTEGER NOT NULL,
  position INTEGER NOT NULL,
  create_time INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL,
  state_hash INTEGER NOT NULL,
  requested INTEGER NOT NULL,
  listed INTEGER NOT NULL,
  build_id INTEGER NOT NULL,
  header_checksum INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  header BLOB NOT NULL
) STRICT;
CREATE TABLE checkpoint_pieces (
  checkpoint_id INTEGER NOT NULL,
  piece INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (checkpoint_id, piece)
) STRICT, WITHOUT ROWID;
CREATE TABLE journal (
  id INTEGER PRIMARY KEY,
  model_id INTEGER NOT NULL,
  first_position INTEGER NOT NULL,
  last_position INTEGER NOT NULL,
  first_step INTEGER NOT NULL,
  last_step INTEGER NOT NULL,
  time INTEGER NOT NULL,
  batches INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  loss REAL NOT NULL,
  gradient_norm REAL NOT NULL,
  learning_rate REAL NOT NULL,
  build_id INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL,
  records_checksum INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  records BLOB NOT NULL
) STRICT;
CREATE TABLE history (
  model_id INTEGER NOT NULL,
  time INTEGER NOT NULL,
  first_step INTEGER NOT NULL,
  last_step INTEGER NOT NULL,
  batches INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  loss REAL NOT NULL,
  gradient_norm REAL NOT NULL,
  learning_rate REAL NOT NULL,
  PRIMARY KEY (model_id, time)
) STRICT, WITHOUT ROWID;
CREATE TABLE evaluations (
  model_id INTEGER NOT NULL,
  time INTEGER NOT NULL,
  step INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  loss REAL NOT NULL,
  metrics TEXT NOT NULL,
  PRIMARY KEY (model_id, time)
) STRICT, WITHOUT ROWID;
CREATE TABLE requests (
  id INTEGER PRIMARY KEY,
  request_id TEXT NOT NULL,
  fingerprint INTEGER NOT NULL,
  time INTEGER NOT NULL,
  method TEXT NOT NULL,
  checksum INTEGER NOT NULL,
  answer BLOB NOT NULL
) STRICT;
)sql";

absl::Status MakeVersion1(Connection* connection) { return connection->Execute(kVersion1); }

// The one at i brings a file of version i to i + 1. Part of the format: never changed once
// released, only added to.
using Migration = absl::Status (*)(Connection* connection);
constexpr Migration kMigrations[] = {MakeVersion1};
static_assert(std::size(kMigrations) == kSchemaVersion);

absl::Status Migrate(Connection* connection, std::int64_t from) {
  RETURN_IF_ERROR(connection->Execute("BEGIN IMMEDIATE"));
  for (std::int64_t version = from; version < kSchemaVersion; ++version) {
    RETURN_IF_ERROR(kMigrations[version](connection));
  }
  RETURN_IF_ERROR(
      connection->Execute(absl::StrCat("PRAGMA application_id = ", kApplicationId).c_str()));
  RETURN_IF_ERROR(
      connection->Execute(absl::StrCat("PRAGMA user_version = ", kSchemaVersion).c_str()));
  return connection->Execute("COMMIT");
}

// The text of all that is in the file, in one order.
absl::StatusOr<std::string> SchemaText(Connection* connection) {
  return connection->QueryText(
      "SELECT group_concat(type || ' ' || name || ' ' || tbl_name || ' ' || ifnull(sql, ''), ';')"
      " FROM (SELECT * FROM sqlite_schema ORDER BY type, name)");
}

absl::Status CompareSchema(Connection* connection) {
  ASSIGN_OR_RETURN(
      const std::unique_ptr<Connection> reference,
      Connection::Open(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr));
  for (const Migration migration : kMigrations) RETURN_IF_ERROR(migration(reference.get()));
  ASSIGN_OR_RETURN(const std::string expected, SchemaText(reference.get()));
  ASSIGN_OR_RETURN(const std::string actual, SchemaText(connection));
  if (actual != expected) {
    return StoredStateDamaged("the tables of descent.db are not those that this version makes");
  }
  return absl::OkStatus();
}

absl::Status CheckPages(Connection* connection) {
  ASSIGN_OR_RETURN(const std::string found, connection->QueryText("PRAGMA quick_check(1)"));
  if (found != "ok") return StoredStateDamaged(absl::StrCat("descent.db: ", found));
  return absl::OkStatus();
}

absl::Status Configure(Connection* connection) {
  // The lock comes before the log, so that the log's index is in this process's memory: no other
  // connection can ever come beside this one.
  for (const char* sql : {
           "PRAGMA page_size = 65536",
           "PRAGMA locking_mode = EXCLUSIVE",
           "PRAGMA trusted_schema = OFF",
           "PRAGMA cell_size_check = ON",
           "PRAGMA secure_delete = OFF",  // Debian's default is to overwrite what is deleted
           "PRAGMA temp_store = MEMORY",
           "PRAGMA cache_size = -32768",
           "PRAGMA synchronous = FULL",
       }) {
    RETURN_IF_ERROR(connection->Execute(sql));
  }
  return absl::OkStatus();
}

// The file's format; 0 if it is new.
absl::StatusOr<std::int64_t> ReadVersion(Connection* connection) {
  ASSIGN_OR_RETURN(const std::int64_t application, connection->QueryInt("PRAGMA application_id"));
  ASSIGN_OR_RETURN(const std::int64_t version, connection->QueryInt("PRAGMA user_version"));
  ASSIGN_OR_RETURN(const std::int64_t tables,
                   connection->QueryInt("SELECT count(*) FROM sqlite_schema"));
  if (application == 0 && version == 0 && tables == 0) return 0;
  if (application != kApplicationId && application != kLiveApplicationId) {
    return StoredStateDamaged(absl::StrCat(
        "descent.db is not a store of Descent (its application id is ", application, ")"));
  }
  if (version > kSchemaVersion) return StorageVersion(version, kSchemaVersion);
  if (version < 1) return StoredStateDamaged(absl::StrCat("descent.db has no format ", version));
  return version;
}

absl::Status UseLog(Connection* connection) {
  ASSIGN_OR_RETURN(const std::string mode, connection->QueryText("PRAGMA journal_mode = WAL"));
  if (mode != "wal") {
    return StorageFailed(absl::StrCat("descent.db can't have a write-ahead log, only \"", mode,
                                      "\": is its file system or the file read-only?"));
  }
  return connection->Execute("PRAGMA wal_autocheckpoint = 0");
}

}  // namespace

absl::Status MarkLive(Connection* connection, bool live) {
  const std::int64_t id = live ? kLiveApplicationId : kApplicationId;
  ASSIGN_OR_RETURN(const std::int64_t present, connection->QueryInt("PRAGMA application_id"));
  if (present == id) return absl::OkStatus();
  return connection->Execute(absl::StrCat("PRAGMA application_id = ", id).c_str());
}

absl::Status PrepareDatabase(Connection* connection, bool read_only) {
  RETURN_IF_ERROR(Configure(connection));
  ASSIGN_OR_RETURN(const std::int64_t version, ReadVersion(connection));
  if (version < kSchemaVersion && read_only) {
    return StorageFailed(absl::StrCat("descent.db has format ", version,
                                      " and would have to be changed to be read"));
  }
  RETURN_IF_ERROR(UseLog(connection));
  RETURN_IF_ERROR(CheckPages(connection));
  if (version < kSchemaVersion) RETURN_IF_ERROR(Migrate(connection, version));
  return CompareSchema(connection);
}

}  // namespace descent::store
