// Messages as gRPC has them, which are bytes, and as protobuf has them.

#ifndef SERVER_SERVICES_MESSAGE_H_
#define SERVER_SERVICES_MESSAGE_H_

#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "server/services/method_name.h"

namespace descent::services {

// Reads `bytes`, which stay as they are, into the empty `message`. INVALID_ARGUMENT
// (MALFORMED_MESSAGE) when they are not such a message; it may hold a part of them then.
absl::Status ParseMessage(const grpc::ByteBuffer& bytes, const MethodName& name,
                          google::protobuf::Message* message);

grpc::ByteBuffer SerializeMessage(const google::protobuf::Message& message);

// What a message will take once it is parsed.
struct MessageCost {
  std::int64_t fields = 0;  // all there are, at any depth; the values of a packed field are one
  std::size_t bytes = 0;    // of memory, at most about
};

// Walks over `bytes` without keeping anything of them, and no further once there are more than
// `most_fields`. Bytes that are no message of this kind cost what was read until that was clear.
MessageCost MeasureMessage(const grpc::ByteBuffer& bytes,
                           const google::protobuf::Descriptor& descriptor,
                           std::int64_t most_fields);

}  // namespace descent::services

#endif  // SERVER_SERVICES_MESSAGE_H_
