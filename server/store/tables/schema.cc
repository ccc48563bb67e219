#include "server/store/tables/schema.h"

#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/store/errors.h"
#include "server/store/tables/row_checksum.h"

namespace descent::store {
namespace {

// Names, times (nanoseconds since 1970) and sums for people; blobs for
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

// Each build says which version of the engine it computes with; those from before have none, 0.
absl::Status MakeVersion2(Connection* connection) {
  struct Build {
    std::int64_t id = 0;
    std::string build;
    std::string instruction_set;
  };
  std::vector<Build> builds;
  {
    Statement select(connection, "SELECT id, build, instruction_set, checksum FROM builds");
    select.Bind();
    while (true) {
      ASSIGN_OR_RETURN(const bool found, select.Next());
      if (!found) break;
      const Build& row = builds.emplace_back(select.Int(0), std::string(select.Text(1)),
                                             std::string(select.Text(2)));
      if (RowChecksum("builds", row.id, row.build, row.instruction_set) != select.Int(3)) {
        return StoredStateDamaged(
            absl::StrCat("table builds, row ", row.id, ": its checksum does not match"));
      }
    }
  }
  RETURN_IF_ERROR(connection->Execute("DROP TABLE builds"));
  RETURN_IF_ERROR(connection->Execute(R"sql(
CREATE TABLE builds (
  id INTEGER PRIMARY KEY,
  build TEXT NOT NULL,
  instruction_set TEXT NOT NULL,
  engine_version INTEGER NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;
)sql"));
  Statement insert(connection, "INSERT INTO builds VALUES (?, ?, ?, ?, ?)");
  constexpr std::int64_t kEngine = 0;
  for (const Build& row : builds) {
    const std::int64_t checksum =
        RowChecksum("builds", row.id, row.build, row.instruction_set, kEngine);
    RETURN_IF_ERROR(insert.Bind(row.id, row.build, row.instruction_set, kEngine, checksum).Run());
  }
  return absl::OkStatus();
}

// Histories are in checkpoints, and follow from the journal: what these tables hold is in no
// relation to the state that a crash leaves.
absl::Status MakeVersion3(Connection* connection) {
  RETURN_IF_ERROR(connection->Execute("DROP TABLE history"));
  return connection->Execute("DROP TABLE evaluations");
}

// The one at i brings a file of version i to i + 1. Part of the format: never changed once
// released, only added to.
using Migration = absl::Status (*)(Connection* connection);
constexpr Migration kMigrations[] = {MakeVersion1, MakeVersion2, MakeVersion3};
static_assert(std::size(kMigrations) == kSchemaVersion);

// In a transaction, which is left open: it is in the file when it is committed.
absl::Status Migrate(Connection* connection, std::int64_t from) {
  RETURN_IF_ERROR(connection->Execute("BEGIN IMMEDIATE"));
  for (std::int64_t version = from; version < kSchemaVersion; ++version) {
    RETURN_IF_ERROR(kMigrations[version](connection));
  }
  // An older file keeps its application id, which says whether there are logs that belong to it.
  if (from == 0) RETURN_IF_ERROR(MarkLive(connection, false));
  return connection->Execute(absl::StrCat("PRAGMA user_version = ", kSchemaVersion).c_str());
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
  // The lock comes before the write-ahead log, so that the log's index is in this process's memory:
  // no other connection can ever come beside this one.
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

// Moves the write-ahead log into the file and empties it.
absl::Status MoveLog(Connection* connection) {
  const int code = sqlite3_wal_checkpoint_v2(connection->get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE,
                                             nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : connection->ErrorOf(code);
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
  if (version == 0 && read_only)
    return StorageFailed("descent.db is new, there is nothing to read");
  RETURN_IF_ERROR(UseLog(connection));
  RETURN_IF_ERROR(CheckPages(connection));
  if (version < kSchemaVersion) {
    // What a crash has left after the log's last commit must not be found after one more (see
    // wal_check.h).
    if (version > 0 && !read_only) RETURN_IF_ERROR(MoveLog(connection));
    RETURN_IF_ERROR(Migrate(connection, version));
    if (!read_only) RETURN_IF_ERROR(connection->Execute("COMMIT"));
  }
  return CompareSchema(connection);
}

}  // namespace descent::store
