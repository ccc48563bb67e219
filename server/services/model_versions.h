// The versions of a model, as serving clients call the steps of its checkpoints.

#ifndef SERVER_SERVICES_MODEL_VERSIONS_H_
#define SERVER_SERVICES_MODEL_VERSIONS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "server/models/commands.h"
#include "server/models/registry/model.h"
#include "server/models/reply.h"

namespace descent::services {

// All of them, newest first.
using Versions = std::vector<std::int64_t>;
void ListVersions(std::shared_ptr<models::Model> model, const models::CallContext& context,
                  models::Reply<Versions> reply);

}  // namespace descent::services

#endif  // SERVER_SERVICES_MODEL_VERSIONS_H_
