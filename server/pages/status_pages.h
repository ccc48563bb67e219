// The pages for people: / and /models/NAME, with what they show as it is at the moment.
//
// Nothing that a page asks waits for a model's work, but for its checkpoints, which have a quarter
// of a second to be told.

#ifndef SERVER_PAGES_STATUS_PAGES_H_
#define SERVER_PAGES_STATUS_PAGES_H_

#include <functional>
#include <vector>

#include "server/http/route.h"
#include "server/models/commands.h"
#include "server/models/registry/registry.h"
#include "server/pages/overview.h"

namespace descent::pages {

// What the pages are of. The registry outlives the routes.
struct Source {
  const models::Registry* registry = nullptr;
  std::function<bool()> is_serving;
  bool in_memory = false;
  Identity identity;
};

// Time counts from when they are made.
std::vector<http::Route> StatusRoutes(Source source);

// What a history says of the rates at `now`, a time of day: 0 if the last update is not of the last
// ten seconds.
struct Rates {
  double steps_per_second = 0;
  double rows_per_second = 0;
};
Rates RatesOf(const std::vector<models::HistoryPoint>& history, absl::Time now);

}  // namespace descent::pages

#endif  // SERVER_PAGES_STATUS_PAGES_H_
