// The Open Inference Protocol over HTTP, below /v2.

#ifndef SERVER_REST_INFERENCE_ROUTES_H_
#define SERVER_REST_INFERENCE_ROUTES_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "server/http/route.h"
#include "server/rest/inference_calls.h"

namespace descent::rest {

// What counts memory for requests, as PortOptions::reserve_body; null: nobody does.
using Reserve = std::function<absl::StatusOr<std::shared_ptr<const void>>(std::size_t bytes)>;

// GET /v2, /v2/health/live, /v2/health/ready, /v2/models/NAME and /v2/models/NAME/ready, POST
// /v2/models/NAME/infer; after NAME there may be /versions/VERSION. Probes are for everybody.
std::vector<http::Route> InferenceRoutes(InferenceCalls calls, std::function<bool()> is_serving,
                                         Reserve reserve);

}  // namespace descent::rest

#endif  // SERVER_REST_INFERENCE_ROUTES_H_
