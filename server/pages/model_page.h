// The page of one model.

#ifndef SERVER_PAGES_MODEL_PAGE_H_
#define SERVER_PAGES_MODEL_PAGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/http/route.h"
#include "server/models/commands.h"
#include "server/pages/overview.h"

namespace descent::pages {

// More are not shown.
inline constexpr int kMostCheckpoints = 50;

struct ModelDetails {
  ModelRow row;
  absl::Status status;                    // not OK: why the model can't be had
  std::optional<models::ModelInfo> info;  // empty then
  std::vector<models::HistoryPoint> history;
  // Newest first; empty: they could not be asked for in the time that a page has.
  std::optional<std::vector<models::CheckpointInfo>> checkpoints;
  bool more_checkpoints = false;  // older ones
  absl::Time now;                 // the time of day
};

http::Answer ModelPage(const ModelDetails& model);

}  // namespace descent::pages

#endif  // SERVER_PAGES_MODEL_PAGE_H_
