// What the server as a whole is, holds and does.

#ifndef SERVER_METRICS_SERVER_METRICS_H_
#define SERVER_METRICS_SERVER_METRICS_H_

#include <cstddef>
#include <string>

#include "server/metrics/families.h"
#include "server/models/registry/registry.h"
#include "server/ops/server.h"

namespace descent::metrics {

struct Build {
  std::string version;
  std::string commit;
  std::string instruction_set;
};

// The build; connections, work that waits, memory by what it is for, storage. Waits for nothing.
// `transport_memory_bytes`: what gRPC may hold beside the registry's budget.
Families ServerFamilies(const Build& build, const models::Registry& registry,
                        const ops::ServerUsage& server, std::size_t transport_memory_bytes);

}  // namespace descent::metrics

#endif  // SERVER_METRICS_SERVER_METRICS_H_
