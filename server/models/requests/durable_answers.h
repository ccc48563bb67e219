// What the writer's calls are answered with once the journal has spoken. Internal to the writer.

#ifndef SERVER_MODELS_REQUESTS_DURABLE_ANSWERS_H_
#define SERVER_MODELS_REQUESTS_DURABLE_ANSWERS_H_

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "server/models/commands.h"
#include "server/store/store.h"

namespace descent::models {

inline std::optional<store::AnsweredRequest> Answered(const RequestKey& request) {
  if (request.id.empty()) return std::nullopt;
  return store::AnsweredRequest{request.id, request.fingerprint};
}

// Passes `info` on once the journal has said how much of it will last.
template <typename Reply>
store::OnStored WithDurableStep(ModelInfo info, Reply reply) {
  return [info = std::move(info),
          reply = std::move(reply)](absl::StatusOr<std::int64_t> durable_step) mutable {
    if (durable_step.ok()) {
      info.durable_step = *durable_step;
      reply(std::move(info));
    } else {
      reply(durable_step.status());
    }
  };
}

}  // namespace descent::models

#endif  // SERVER_MODELS_REQUESTS_DURABLE_ANSWERS_H_
