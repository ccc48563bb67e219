// The small tables: which models there are, which builds wrote, which requests were answered.
//
// Like all tables, each is its statements and its rows' checksums; what rows mean together is known
// to those who use them. Used by one thread.

#ifndef SERVER_STORE_TABLES_REGISTRY_TABLES_H_
#define SERVER_STORE_TABLES_REGISTRY_TABLES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/store/records.h"
#include "server/store/tables/sqlite_connection.h"

namespace descent::store {

// How the tables keep times: nanoseconds since 1970.
inline std::int64_t ToColumn(absl::Time time) { return absl::ToUnixNanos(time); }
inline absl::Time FromColumn(std::int64_t time) { return absl::FromUnixNanos(time); }

struct BuildRow {
  std::int64_t id = 0;
  std::string build;
  std::string instruction_set;
  std::int64_t engine_version = 0;  // 0: from before it was recorded
};

class BuildsTable {
 public:
  explicit BuildsTable(Connection* connection);

  // DATA_LOSS if any row is damaged.
  absl::StatusOr<std::vector<BuildRow>> ReadAll();
  absl::Status Insert(const BuildRow& row);

 private:
  Statement select_;
  Statement insert_;
};

struct ModelRow {
  std::int64_t id = 0;
  std::string name;
  std::string initial_settings;  // JSON
  absl::Time create_time;
  std::uint64_t initial_state_hash = 0;
  std::int64_t build_id = 0;
};

class ModelsTable {
 public:
  explicit ModelsTable(Connection* connection);

  // By name. DATA_LOSS if any row is damaged: the models there are would not be known.
  absl::StatusOr<std::vector<ModelRow>> ReadAll();
  absl::Status Insert(const ModelRow& row);
  absl::Status Delete(std::int64_t id);

 private:
  Statement select_;
  Statement insert_;
  Statement delete_;
};

class RequestsTable {
 public:
  explicit RequestsTable(Connection* connection);

  // Oldest first. DATA_LOSS if any row is damaged.
  absl::StatusOr<std::vector<RememberedAnswer>> ReadAll();
  // Also forgets all but the newest `most`, and those from before `oldest`.
  absl::Status Insert(const RememberedAnswer& answer, int most, absl::Time oldest);

 private:
  Statement select_;
  Statement last_;
  Statement insert_;
  Statement prune_;
};

}  // namespace descent::store

#endif  // SERVER_STORE_TABLES_REGISTRY_TABLES_H_
