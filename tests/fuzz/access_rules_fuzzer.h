// The file that says who may do what, and the headers that tokens come in, against any text.

#ifndef TESTS_FUZZ_ACCESS_RULES_FUZZER_H_
#define TESTS_FUZZ_ACCESS_RULES_FUZZER_H_

#include <cstddef>
#include <cstdint>

namespace descent {

// What the first byte of an input says of the rest, taken modulo their number.
enum class AccessText : std::uint8_t {
  kFile,           // the access file
  kAuthorization,  // the value of an `authorization` header
  kPattern,        // a pattern, a line break, and a model's name
};
inline constexpr int kAccessTexts = 3;

}  // namespace descent

// Parses; aborts when text is neither taken nor refused with the status and message that the header
// promises, or when a refusal repeats what may be a token.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

#endif  // TESTS_FUZZ_ACCESS_RULES_FUZZER_H_
