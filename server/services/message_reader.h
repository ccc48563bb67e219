// Requests from bytes: small ones where they arrive, large ones on threads of their own, one after
// another, so that nobody's message holds up the calls of others; and none without bounds.

#ifndef SERVER_SERVICES_MESSAGE_READER_H_
#define SERVER_SERVICES_MESSAGE_READER_H_

#include <grpcpp/support/byte_buffer.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/arena.h"
#include "server/models/work/executor.h"
#include "server/models/work/memory_budget.h"
#include "server/services/arena_message.h"
#include "server/services/message.h"
#include "server/services/method_name.h"

namespace descent::services {

struct MessageLimits {
  // Messages of so many bytes are parsed without a look at what is in them.
  std::size_t unmeasured_bytes = 16 << 10;
  // Up to these a message is parsed where it arrives: some tenths of a millisecond.
  std::size_t inline_bytes = 1 << 20;
  std::int64_t inline_fields = 4096;
  // Most fields of one message at all depths; the values of a packed field are one. A network of
  // 100,000 layers has less than a million.
  std::int64_t max_fields = 1 << 22;
};

// Thread-safe.
class MessageReader {
 public:
  // What messages take while they are parsed and decoded is counted against `memory`. `executor`
  // takes what is large.
  MessageReader(const MessageLimits& limits, std::shared_ptr<models::MemoryBudget> memory,
                models::Executor* executor)
      : limits_(limits), memory_(std::move(memory)), executor_(*executor) {}

  // Takes what `bytes` hold and calls `then(status, request)`, before it returns or on another
  // thread. The request is gone when `then` returns. INVALID_ARGUMENT (MALFORMED_MESSAGE,
  // TOO_MANY_FIELDS), RESOURCE_EXHAUSTED (MEMORY_BUDGET): the request means nothing then.
  template <typename Request, typename Then>
  void Read(const MethodName& name, grpc::ByteBuffer* bytes, Then then) {
    if (IsSmall<Request>(*bytes)) {
      // With what it consists of in one place, most often on the stack.
      alignas(std::max_align_t) std::array<char, 2048> block;
      google::protobuf::Arena arena(block.data(), block.size());
      Parse(name, bytes, MakeOnArena<Request>(&arena), then);
      return;
    }
    executor_.Post([this, name, bytes = Taken(bytes), then = std::move(then)]() mutable {
      const MessageCost cost = MeasureMessage(bytes, *Request::descriptor(), limits_.max_fields);
      const absl::StatusOr<models::MemoryCharge> charge = Admit(name, cost);
      Request request;
      if (charge.ok()) {
        Parse(name, &bytes, &request, then);
      } else {
        bytes.Clear();
        then(charge.status(), request);
      }
    });
  }

 private:
  // Looks no further into a message than it may be parsed where it has come.
  template <typename Request>
  bool IsSmall(const grpc::ByteBuffer& bytes) const {
    if (bytes.Length() <= limits_.unmeasured_bytes) return true;
    if (bytes.Length() > limits_.inline_bytes) return false;
    const MessageCost cost = MeasureMessage(bytes, *Request::descriptor(), limits_.inline_fields);
    return cost.fields <= limits_.inline_fields && cost.bytes <= 2 * limits_.inline_bytes;
  }

  template <typename Request, typename Then>
  static void Parse(const MethodName& name, grpc::ByteBuffer* bytes, Request* request, Then& then) {
    absl::Status status = ParseMessage(*bytes, name, request);
    bytes->Clear();
    then(std::move(status), *request);
  }

  static grpc::ByteBuffer Taken(grpc::ByteBuffer* bytes) {
    grpc::ByteBuffer taken;
    taken.Swap(bytes);
    return taken;
  }

  absl::StatusOr<models::MemoryCharge> Admit(const MethodName& name, const MessageCost& cost) const;

  const MessageLimits limits_;
  const std::shared_ptr<models::MemoryBudget> memory_;
  models::Executor& executor_;
};

}  // namespace descent::services

#endif  // SERVER_SERVICES_MESSAGE_READER_H_
