// What the client and the command make of a server's answers, against any bytes.

#ifndef TESTS_FUZZ_CLIENT_ANSWER_FUZZER_H_
#define TESTS_FUZZ_CLIENT_ANSWER_FUZZER_H_

#include <cstddef>
#include <cstdint>

namespace descent::fuzz {

// The first byte of an input; the rest are the bytes of the answer.
enum class FuzzedAnswer : std::uint8_t {
  kTensor,      // v1::Tensor
  kParameters,  // v1::GetParametersResponse
  kPrediction,  // a byte for the rows that were sent, a byte for how many bytes of v1::Model there
                // are, those, and v1::PredictResponse
  kError,       // google.rpc.Status
  kSession,     // three bytes each, what a training session's server says
};
inline constexpr int kFuzzedAnswers = static_cast<int>(FuzzedAnswer::kSession) + 1;

}  // namespace descent::fuzz

// Aborts when an answer is taken for more than it holds.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

#endif  // TESTS_FUZZ_CLIENT_ANSWER_FUZZER_H_
