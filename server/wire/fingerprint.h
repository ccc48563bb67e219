// What a command asks for, in 64 bits: two calls with one request id are repeats when these agree.

#ifndef SERVER_WIRE_FINGERPRINT_H_
#define SERVER_WIRE_FINGERPRINT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "core/batch.h"
#include "core/buffer.h"
#include "core/embeddings/tables.h"
#include "google/protobuf/message.h"

struct XXH3_state_s;

namespace descent::wire {

// XXH3 over the values that are added, in order, each with its length, so that no two different
// sequences of values read the same. Values are hashed as decoded: a repeat may write its numbers
// in another encoding. The same in every process and build.
class Fingerprint {
 public:
  // `method` tells apart calls of different methods with the same content.
  explicit Fingerprint(std::string_view method);
  ~Fingerprint();
  Fingerprint(const Fingerprint&) = delete;
  Fingerprint& operator=(const Fingerprint&) = delete;

  Fingerprint& Add(std::int64_t value);
  Fingerprint& Add(double value);
  Fingerprint& Add(std::string_view text);
  Fingerprint& Add(const Buffer& values);
  Fingerprint& Add(const Matrix& values);
  Fingerprint& Add(const Batch& batch);
  Fingerprint& Add(const Categories& categories);
  // Nothing where a network has no tables.
  Fingerprint& Add(const TableGradients& gradients);
  // A small message: its deterministic serialisation.
  Fingerprint& Add(const google::protobuf::Message& message);
  template <typename T>
  Fingerprint& Add(const std::optional<T>& value) {
    Add(std::int64_t{value.has_value()});
    return value.has_value() ? Add(*value) : *this;
  }

  std::uint64_t Digest() const;

 private:
  void AddBytes(const void* bytes, std::size_t size);

  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

}  // namespace descent::wire

#endif  // SERVER_WIRE_FINGERPRINT_H_
