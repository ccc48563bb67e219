// Requests of the HTTP port, against any bytes.

#ifndef TESTS_FUZZ_HTTP_REQUEST_FUZZER_H_
#define TESTS_FUZZ_HTTP_REQUEST_FUZZER_H_

#include <cstddef>
#include <cstdint>

namespace descent {

// What the first byte of an input says of the rest, taken modulo their number.
enum class HttpText : std::uint8_t {
  kConnection,     // what a connection sends, read as the port reads it
  kTarget,         // a request's target
  kAuthorization,  // the value of an `Authorization` header
};
inline constexpr int kHttpTexts = 3;

}  // namespace descent

// Answers; aborts when an answer is not what site.h and target.h promise, when somebody who is not
// known sees a page, or when the port stops answering.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

#endif  // TESTS_FUZZ_HTTP_REQUEST_FUZZER_H_
