// A call for which there is no memory is answered and changes nothing, whichever of its tensors it
// was. Other calls go on.

#include <cstdlib>
#include <string>

#include "gtest/gtest.h"
#include "tests/models/sample_models.h"
#include "tests/support/status_matchers.h"

namespace {

// Counts down to the allocation of a tensor that fails; negative: none does. Not atomic: in these
// tests one thread allocates at a time.
int tensors_until_failure = -1;

}  // namespace

// In the C library's place.
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) {
  if (tensors_until_failure >= 0 && tensors_until_failure-- == 0) return nullptr;
  void* memory = nullptr;
  return posix_memalign(&memory, alignment, size) == 0 ? memory : nullptr;
}

namespace descent::models {
namespace {

using testing::IsOk;
using testing::ReasonIs;

class OutOfMemoryTest : public ::testing::Test {
 protected:
  // Calls until it succeeds, with the first, the second, the third tensor failing, and so on; each
  // time with fresh threads and workspaces, so that nothing is there from the time before.
  // call(model, begin) begins when its command is ready. Returns how often it failed.
  template <typename Call>
  int FailEachTensor(const Call& call) {
    for (int failures = 0;; ++failures) {
      Registry registry(Options());
      const std::shared_ptr<Model> model = CreateModel(&registry, "m");
      const std::uint64_t before = Info(*model)->state_hash;
      const absl::Status status = call(model.get(), [&] { tensors_until_failure = failures; });
      const bool failed = tensors_until_failure < 0;
      tensors_until_failure = -1;
      EXPECT_EQ(status.ok(), !failed);
      if (!failed) return failures;
      EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
      EXPECT_THAT(status, ReasonIs("OUT_OF_MEMORY"));
      EXPECT_EQ(Info(*model)->state_hash, before);
      EXPECT_EQ(Info(*model)->step, 0);
      // The next call is as if nothing had been.
      EXPECT_THAT(Step(*model, StepOn(*model->network(), 1)), IsOk());
      EXPECT_EQ(Info(*model)->state_hash, HashAfter(model->network()->spec(), {1}));
      EXPECT_TRUE(AwaitNothingHeld(registry));
    }
  }

  static ModelsOptions Options() {
    ModelsOptions options;
    options.threads = 1;
    options.inline_multiply_adds = 0;
    return options;
  }
};

TEST_F(OutOfMemoryTest, OfAPrediction) {
  EXPECT_GT(FailEachTensor([](Model* model, const auto& begin) {
              Matrix inputs = SampleBatch(*model->network(), 1).inputs;
              begin();
              return Predict(*model, std::move(inputs), false).status();
            }),
            2);
}

TEST_F(OutOfMemoryTest, OfEveryLayersValues) {
  EXPECT_GT(FailEachTensor([](Model* model, const auto& begin) {
              ForwardCommand command{.inputs = SampleBatch(*model->network(), 1).inputs};
              begin();
              return Await<ForwardOutcome>([&](Reply<ForwardOutcome> reply) {
                       model->Forward(std::move(command), {}, std::move(reply));
                     })
                  .status();
            }),
            2);
}

TEST_F(OutOfMemoryTest, OfAGradient) {
  EXPECT_GT(FailEachTensor([](Model* model, const auto& begin) {
              Batch batch = SampleBatch(*model->network(), 1);
              GradientCommand command;
              command.inputs = std::move(batch.inputs);
              command.cotangent = std::move(batch.targets);
              command.input_gradient = true;
              begin();
              return Await<GradientOutcome>([&](Reply<GradientOutcome> reply) {
                       model->Gradient(std::move(command), {}, std::move(reply));
                     })
                  .status();
            }),
            2);
}

TEST_F(OutOfMemoryTest, OfParameters) {
  EXPECT_EQ(FailEachTensor([](Model* model, const auto& begin) {
              begin();
              return Await<GetParametersOutcome>([&](Reply<GetParametersOutcome> reply) {
                       model->GetParameters({}, {}, std::move(reply));
                     })
                  .status();
            }),
            0);  // they are answered from where they are
}

TEST_F(OutOfMemoryTest, OfAnEvaluation) {
  EXPECT_GT(FailEachTensor([](Model* model, const auto& begin) {
              const auto evaluation = model->BeginEvaluation();
              Batch batch = SampleBatch(*model->network(), 1);
              begin();
              return Await<std::int64_t>([&](Reply<std::int64_t> reply) {
                       evaluation->Add(std::move(batch), {}, std::move(reply));
                     })
                  .status();
            }),
            2);
}

TEST_F(OutOfMemoryTest, OfAnUpdate) {
  EXPECT_GT(FailEachTensor([](Model* model, const auto& begin) {
              StepCommand command = StepOn(*model->network(), 2);
              begin();
              return Step(*model, std::move(command)).status();
            }),
            4);
}

}  // namespace
}  // namespace descent::models
