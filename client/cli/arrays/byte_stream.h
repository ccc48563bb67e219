// Bytes that come one after the other.

#ifndef CLIENT_CLI_ARRAYS_BYTE_STREAM_H_
#define CLIENT_CLI_ARRAYS_BYTE_STREAM_H_

#include <cstddef>

#include "absl/status/statusor.h"

namespace descent::cli {

class ByteStream {
 public:
  ByteStream() = default;
  virtual ~ByteStream() = default;
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  // Reads so many bytes, fewer only at the end.
  virtual absl::StatusOr<size_t> Read(char* to, size_t bytes) = 0;
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_ARRAYS_BYTE_STREAM_H_
