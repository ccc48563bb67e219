// Requests made of a fuzzer's bytes: nearly right, so that most are decoded and computed, with any
// loss's forms of targets, any data type and numbers at the edges of the types.

#ifndef TESTS_FUZZ_TAKEN_REQUESTS_H_
#define TESTS_FUZZ_TAKEN_REQUESTS_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/network.h"
#include "descent/v1/network_service.pb.h"

namespace descent::fuzz {

// An input that is taken byte by byte; zeros behind its end.
class Taken {
 public:
  Taken(const std::uint8_t* data, std::size_t size)
      : bytes_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return bytes_.empty(); }
  std::uint8_t Byte() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<std::uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte;
  }
  int Below(int limit) { return Byte() % limit; }
  // At most so many bytes.
  std::string_view Bytes(std::size_t most) {
    const std::string_view taken = bytes_.substr(0, most);
    bytes_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view bytes_;
};

// A tensor of the shape or one like it.
v1::Tensor TakeTensor(Taken* taken, std::int64_t rows, std::int64_t cols);
// Of 1 to 8 rows.
v1::Batch TakeBatch(Taken* taken, const Network& network);

}  // namespace descent::fuzz

#endif  // TESTS_FUZZ_TAKEN_REQUESTS_H_
