// Sends one model's actions to a registry in this process.

#ifndef TESTS_CRASH_MODEL_CLIENT_H_
#define TESTS_CRASH_MODEL_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "server/models/registry/registry.h"
#include "tests/crash/script.h"

namespace descent::crash {

// How an action was answered. What an answer does not tell is unset.
struct Answer {
  absl::Status status;
  std::optional<std::int64_t> step;
  std::optional<std::int64_t> durable_step;
  std::optional<bool> replayed;
};

// Called once, on any thread, maybe before Send returns; must not block.
using OnAnswer = absl::AnyInvocable<void(Answer) &&>;

// One thread uses it. Destroyed before the registry; answers may come later.
class ModelClient {
 public:
  // Both outlive the client.
  ModelClient(const ModelScript* script, models::Registry* registry);
  ~ModelClient();
  ModelClient(const ModelClient&) = delete;
  ModelClient& operator=(const ModelClient&) = delete;

  // Sends the script's action of that number. A batch of a session that is not attached attaches it
  // first, which waits for the server.
  void Send(std::size_t number, OnAnswer done);

 private:
  class Stream;

  void SendTo(models::Model& model, const Action& action, OnAnswer done);
  void SendBatch(models::Model& model, const Action& action, OnAnswer done);
  void DetachAll();

  const ModelScript& script_;
  models::Registry* const registry_;
  std::map<std::string, std::shared_ptr<Stream>> streams_;  // by session
};

}  // namespace descent::crash

#endif  // TESTS_CRASH_MODEL_CLIENT_H_
