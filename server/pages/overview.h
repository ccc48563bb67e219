// The page of the server: how it is, and its models, some at a time.

#ifndef SERVER_PAGES_OVERVIEW_H_
#define SERVER_PAGES_OVERVIEW_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/http/route.h"
#include "server/models/statistics.h"
#include "server/pages/curve.h"

namespace descent::pages {

// What is shown of a model in a list. What is not known, as of one that is not there, is not shown.
struct ModelRow {
  models::ModelStatistics statistics;
  std::int64_t rows = 0;        // of all its training
  double steps_per_second = 0;  // now; 0: it is not trained now
  double rows_per_second = 0;
  std::vector<CurvePoint> losses;  // by step
};

// Who the server is, which does not change while it runs.
struct Identity {
  std::string version;
  std::string commit;
  std::string instruction_set;
  // Options that are not as by default, as they are typed, without secrets.
  std::vector<std::pair<std::string, std::string>> options;
};

enum class Order : std::uint8_t { kName, kRecent };

// Which of the models are shown.
struct Selection {
  std::string prefix = {};  // of their names
  Order order = Order::kName;
  std::int64_t page = 1;
};

// From a request's parameters: `prefix`, `sort` (name, recent) and `page`. What makes no sense is
// as if it were not there.
Selection SelectionOf(const http::Request& request);

inline constexpr std::size_t kModelsAPage = 100;

struct Overview {
  Identity identity;
  absl::Duration uptime;
  bool is_serving = false;
  absl::Status storage;  // whether changes can be kept
  bool in_memory = false;
  std::int64_t memory_used = 0;
  std::int64_t memory_limit = 0;

  // Of the models that may be seen.
  std::int64_t models = 0;
  std::vector<std::pair<models::ModelCondition, std::int64_t>> conditions;
  std::int64_t sessions = 0;
  std::int64_t trained_rows = 0;    // since the start
  std::int64_t predicted_rows = 0;  // likewise
  double steps_per_second = 0;
  double rows_per_second = 0;

  Selection selection;
  std::int64_t selected = 0;   // how many the selection is of, on all pages
  std::vector<ModelRow> rows;  // this page
  absl::Time now;              // the time of day
};

http::Answer OverviewPage(const Overview& overview);

// The word of a condition, marked by how good it is: HTML.
std::string ConditionMark(models::ModelCondition condition);

}  // namespace descent::pages

#endif  // SERVER_PAGES_OVERVIEW_H_
