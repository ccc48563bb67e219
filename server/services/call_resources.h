// What the calls of all services share beside the models.

#ifndef SERVER_SERVICES_CALL_RESOURCES_H_
#define SERVER_SERVICES_CALL_RESOURCES_H_

#include <atomic>

namespace descent::models {
class Executor;
class MemoryBudget;
}  // namespace descent::models

namespace descent::services {

class CallGate;
class MessageReader;
class OpenStreams;
class UnsentAnswers;

// None is null, and each outlives every call.
struct CallResources {
  CallGate* gate;
  models::Executor* executor;  // for what would hold up the calls of others where it comes
  models::MemoryBudget* memory;
  MessageReader* reader;
  UnsentAnswers* unsent;
  OpenStreams* streams;
  const std::atomic<bool>* serving;  // as health checks are told
};

}  // namespace descent::services

#endif  // SERVER_SERVICES_CALL_RESOURCES_H_
