#include "server/store/tables/history_table.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/status_macros.h"
#include "server/store/tables/registry_tables.h"
#include "server/store/tables/row_checksum.h"

namespace descent::store {
namespace {

// Metrics' names are the server's own; what JSON would escape does not occur in them.
std::string MetricsJson(const std::map<std::string, double>& metrics) {
  std::string json = "{";
  for (const auto& [name, value] : metrics) {
    if (json.size() > 1) json += ", ";
    absl::StrAppend(&json, "\"", name,
                    "\": ", std::isfinite(value) ? absl::StrFormat("%.17g", value) : "null");
  }
  json += "}";
  return json;
}

}  // namespace

HistoryTable::HistoryTable(Connection* connection)
    : connection_(connection),
      add_(connection,
           "INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
           " ON CONFLICT DO UPDATE SET last_step = excluded.last_step,"
           " batches = batches + excluded.batches, rows = rows + excluded.rows,"
           " loss = iif(excluded.rows = 0, loss, (loss * rows + excluded.loss * excluded.rows)"
           " / (rows + excluded.rows)),"
           " gradient_norm = excluded.gradient_norm, learning_rate = excluded.learning_rate"),
      add_evaluation_(connection, "INSERT OR REPLACE INTO evaluations VALUES (?, ?, ?, ?, ?, ?)"),
      delete_(connection,
              "DELETE FROM history WHERE model_id = ?1 AND time < ?2 AND time IN (SELECT time FROM"
              " history WHERE model_id = ?1 ORDER BY time LIMIT 1000)"),
      delete_evaluations_(connection,
                          "DELETE FROM evaluations WHERE model_id = ?1 AND time < ?2 AND time IN"
                          " (SELECT time FROM evaluations WHERE model_id = ?1 ORDER BY time"
                          " LIMIT 1000)"),
      next_owner_(connection,
                  "SELECT min(ifnull((SELECT min(model_id) FROM history WHERE model_id > ?1),"
                  " 9223372036854775807),"
                  " ifnull((SELECT min(model_id) FROM evaluations WHERE model_id > ?1),"
                  " 9223372036854775807))") {}

absl::Status HistoryTable::Add(std::int64_t model_id, std::int64_t second,
                               const UpdateSummary& summary) {
  return add_
      .Bind(model_id, second, summary.first_step, summary.last_step, summary.batches, summary.rows,
            summary.loss, summary.gradient_norm, summary.learning_rate)
      .Run();
}

absl::Status HistoryTable::Add(std::int64_t model_id, const EvaluationRecord& evaluation) {
  const std::string metrics = MetricsJson(evaluation.metrics);
  return add_evaluation_
      .Bind(model_id, ToColumn(evaluation.time), evaluation.step, evaluation.rows,
            AsKept(evaluation.loss), metrics)
      .Run();
}

absl::StatusOr<bool> HistoryTable::DeleteSome(std::int64_t model_id, absl::Time oldest) {
  RETURN_IF_ERROR(delete_.Bind(model_id, absl::ToUnixSeconds(oldest)).Run());
  int deleted = sqlite3_changes(connection_->get());
  RETURN_IF_ERROR(delete_evaluations_.Bind(model_id, ToColumn(oldest)).Run());
  deleted += sqlite3_changes(connection_->get());
  return deleted > 0;
}

absl::StatusOr<std::vector<std::int64_t>> HistoryTable::ReadOwners() {
  std::vector<std::int64_t> owners;
  std::int64_t last = -1;
  while (true) {
    next_owner_.Bind(last);
    ASSIGN_OR_RETURN(const bool found, next_owner_.Next());
    last = found ? next_owner_.Int(0) : INT64_MAX;
    next_owner_.Reset();
    if (last == INT64_MAX) return owners;
    owners.push_back(last);
  }
}

}  // namespace descent::store
