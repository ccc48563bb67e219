#include "server/ops/trace.h"

#include <grpcpp/server_context.h>

#include <iterator>
#include <optional>

#include "endpoint/traceparent.h"

namespace descent::ops {

Trace TraceOf(const grpc::ServerContextBase& context) {
  const auto [begin, end] = context.client_metadata().equal_range(endpoint::kTraceparentHeader);
  if (begin == end || std::next(begin) != end) return {};
  const std::optional<endpoint::Traceparent> parsed =
      endpoint::ParseTraceparent({begin->second.data(), begin->second.size()});
  if (!parsed.has_value()) return {};
  return {.trace_id = std::string(parsed->trace_id), .parent_id = std::string(parsed->parent_id)};
}

}  // namespace descent::ops
