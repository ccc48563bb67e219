// Requests to one model, decoded and computed one after another: every loss in every data type,
// updates, reads, and sequences of training's and evaluation's messages.

#ifndef TESTS_FUZZ_COMPUTE_FUZZER_H_
#define TESTS_FUZZ_COMPUTE_FUZZER_H_

#include <cstddef>
#include <cstdint>

namespace descent::fuzz {

// The first three bytes of an input say which network it is: its loss and data type, its number of
// outputs, its activation. Behind them come actions, a byte each with what they take.
enum class Action : std::uint8_t {
  kPredict,
  kForward,
  kGradient,
  kStep,
  kTrainStart,
  kTrainBatch,
  kTrainHalfClose,
  kEvaluateBatch,
  kEvaluateFinish,
  kSetParameters,
  kUpdateModel,
  kCheckpoints,  // create, list, restore or delete one
  kLists,        // of models and of checkpoints, with a page token
  kBytes,        // a request as bytes
};
inline constexpr int kActions = static_cast<int>(Action::kBytes) + 1;

}  // namespace descent::fuzz

// Aborts when a call is not answered once, answers with a number that is not finite, or fails as
// only a fault of ours could; when the same batch has two losses; or when a parameter is not finite
// in the end.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

#endif  // TESTS_FUZZ_COMPUTE_FUZZER_H_
