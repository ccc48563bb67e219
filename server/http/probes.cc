#include "server/http/probes.h"

#include <utility>

namespace descent::http {

std::vector<Route> ProbeRoutes(std::function<bool()> is_serving) {
  const auto live = [](const Request& /*request*/) { return Answer{.body = "alive\n"}; };
  const auto ready = [is_serving = std::move(is_serving)](const Request& /*request*/) {
    if (is_serving()) return Answer{.body = "serving\n"};
    return Answer{.status = 503, .body = "not serving\n"};
  };
  return {
      {.path = "/livez", .audience = Audience::kEverybody, .at_once = true, .handler = live},
      {.path = "/readyz", .audience = Audience::kEverybody, .at_once = true, .handler = ready},
  };
}

}  // namespace descent::http
