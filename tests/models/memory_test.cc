// What calls and models hold is counted, and what does not fit is refused before it is made.

#include <malloc.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/models/reading/answer_size.h"
#include "tests/models/sample_models.h"
#include "tests/support/status_matchers.h"

namespace descent::models {
namespace {

using ::descent::testing::DenseNetwork;
using ::descent::testing::IsOk;
using ::descent::testing::RandomMatrix;
using ::descent::testing::ReasonIs;
using ::descent::testing::StatusIs;
using ::testing::HasSubstr;

constexpr std::size_t kMiB = std::size_t{1} << 20;

std::size_t AllocatedBytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

NetworkSpec Deep(std::size_t layers) { return SampleNetwork(std::vector<std::int64_t>(layers, 3)); }

absl::StatusOr<ModelInfo> Create(Registry& registry, CreateModelCommand command) {
  return Await<ModelInfo>(
      [&](Reply<ModelInfo> reply) { registry.Create(std::move(command), {}, std::move(reply)); });
}

absl::StatusOr<DeleteModelOutcome> Delete(Registry& registry, const std::string& name,
                                          const std::string& request_id = "") {
  return Await<DeleteModelOutcome>([&](Reply<DeleteModelOutcome> reply) {
    registry.Delete({.name = name, .request = {request_id, 1}}, {}, std::move(reply));
  });
}

// What models take by the allocator is within a quarter of what is counted for them, whatever they
// consist of: once they were trained, since an idle one takes less than is kept ready for it.
struct Shape {
  std::string name;
  NetworkSpec network;
  int models = 1;
};

class ModelBytesTest : public ::testing::TestWithParam<int> {
 protected:
  static Shape TheShape() {
    switch (GetParam()) {
      case 0:
        return {"wide", SampleNetwork({2000, 2000, 10}), 1};
      case 1:
        return {"deep", Deep(20'000), 1};
      case 2:
        return {"many", SampleNetwork({64, 1}), 500};
      default:
        return {"many_and_deep", Deep(300), 30};
    }
  }
};

TEST_P(ModelBytesTest, AreCountedAsTheyAreAllocated) {
  if (AllocatedBytes() == 0) GTEST_SKIP() << "the allocator is not the C library's";
  const Shape shape = TheShape();
  Registry registry{ModelsOptions{}};
  const auto warm = CreateModel(&registry, "warm");
  ASSERT_THAT(Step(*warm, StepOn(*warm->network(), 1)), IsOk());
  const std::size_t counted_before = registry.Usage().memory_bytes;
  const std::size_t allocated_before = AllocatedBytes();
  for (int i = 0; i < shape.models; ++i) {
    const auto model = CreateModel(&registry, absl::StrCat("m", i), shape.network);
    // A reader has the parameters of before, so all copies that are kept ready are there.
    const Snapshot held = Await<GetParametersOutcome>([&](Reply<GetParametersOutcome> reply) {
                            model->GetParameters({}, {}, std::move(reply));
                          })->snapshot;
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      ASSERT_THAT(Step(*model, StepOn(*model->network(), seed)), IsOk());
    }
  }
  ASSERT_TRUE(AwaitNothingHeld(registry));
  const double allocated = static_cast<double>(AllocatedBytes() - allocated_before);
  const double counted = static_cast<double>(registry.Usage().memory_bytes - counted_before);
  EXPECT_LT(allocated, 1.25 * counted) << shape.name << ": counted " << counted;
  EXPECT_GT(allocated, counted / 2) << shape.name << ": counted " << counted;
}

INSTANTIATE_TEST_SUITE_P(Shapes, ModelBytesTest, ::testing::Range(0, 4));

TEST(MemoryTest, WhatIsRememberedOfDeepModelsIsBoundedAndCounted) {
  Registry registry{ModelsOptions{}};
  const std::size_t before = AllocatedBytes();
  for (int i = 0; i < 200; ++i) {
    CreateModelCommand command = CreateCommand("m", Deep(5'000));
    command.request = {absl::StrCat("create ", i), 1};
    ASSERT_THAT(Create(registry, std::move(command)), IsOk());
    ASSERT_THAT(Delete(registry, "m", absl::StrCat("delete ", i)), IsOk());
  }
  const std::size_t answers = registry.memory()->used(MemoryPurpose::kAnswers);
  EXPECT_GT(answers, 100'000);
  EXPECT_LT(answers, 5 * kMiB);
  // 200 descriptions of 440 kB would be 88 MB.
  EXPECT_LT(AllocatedBytes() - before, 16 * kMiB);
}

TEST(MemoryTest, AnAnswerThatFitsIntoNoMessageIsNotComputed) {
  ModelsOptions options;
  options.max_answer_bytes = 100'000;
  Registry registry(options);
  const auto model = CreateModel(&registry, "m", SampleNetwork({100, 200}));
  const auto inputs = [](std::int64_t rows) {
    return RandomMatrix(DataType::kFloat32, rows, 5, 1);
  };
  EXPECT_THAT(Predict(*model, inputs(100)), IsOk());
  const auto predicted = Predict(*model, inputs(1000));
  EXPECT_THAT(predicted, ReasonIs("ANSWER_TOO_LARGE"));
  EXPECT_THAT(predicted, StatusIs(absl::StatusCode::kResourceExhausted,
                                  HasSubstr("at least 800012 bytes, and a message may have 100000 "
                                            "(--max-message-mib): send fewer rows at a time")));

  EXPECT_THAT(Await<ForwardOutcome>([&](Reply<ForwardOutcome> reply) {
                model->Forward({.inputs = inputs(100)}, {}, std::move(reply));
              }),
              ReasonIs("ANSWER_TOO_LARGE"));

  const auto gradient = [&](std::vector<int> parameters, bool norms_only, bool input_gradient) {
    Batch batch = SampleBatch(*model->network(), 1, 10'000 / (input_gradient ? 1 : 1000));
    GradientCommand command;
    command.inputs = std::move(batch.inputs);
    command.cotangent = std::move(batch.targets);
    command.parameters = std::move(parameters);
    command.norms_only = norms_only;
    command.input_gradient = input_gradient;
    return Await<GradientOutcome>([&](Reply<GradientOutcome> reply) {
      model->Gradient(std::move(command), {}, std::move(reply));
    });
  };
  // 20,800 parameters are 83 kB; those of all layers but the last 2.4 kB.
  EXPECT_THAT(gradient({}, false, false), IsOk());
  EXPECT_THAT(gradient({0}, false, true), ReasonIs("ANSWER_TOO_LARGE"));

  const auto parameters = [&](Model& of, std::vector<int> named) {
    return Await<GetParametersOutcome>([&](Reply<GetParametersOutcome> reply) {
      of.GetParameters(std::move(named), {}, std::move(reply));
    });
  };
  const auto large = CreateModel(&registry, "large", SampleNetwork({200, 200}));
  EXPECT_THAT(parameters(*large, {}), ReasonIs("ANSWER_TOO_LARGE"));
  EXPECT_THAT(parameters(*large, {0, 1}), IsOk());
  EXPECT_TRUE(AwaitNothingHeld(registry));
}

TEST(MemoryTest, APassThatTheBudgetHasNoRoomForIsRefused) {
  ModelsOptions options;
  options.memory_budget_bytes = 4 * kMiB;
  Registry registry(options);
  const auto model = CreateModel(&registry, "m", SampleNetwork({500, 2}));
  const Matrix inputs = RandomMatrix(DataType::kFloat32, 2000, 5, 1);
  // z and a of 500 units are 8 MB.
  EXPECT_THAT(Predict(*model, inputs.Clone()), ReasonIs("MEMORY_BUDGET"));
  EXPECT_THAT(Step(*model, StepOn(*model->network(), 1, /*rows=*/2000)), ReasonIs("MEMORY_BUDGET"));
  EXPECT_EQ(Info(*model)->step, 0);
  EXPECT_THAT(Step(*model, StepOn(*model->network(), 1, /*rows=*/100)), IsOk());
  const std::shared_ptr<Evaluation> evaluation = model->BeginEvaluation();
  EXPECT_THAT(Await<std::int64_t>([&](Reply<std::int64_t> reply) {
                evaluation->Add(SampleBatch(*model->network(), 1, 2000), {}, std::move(reply));
              }),
              ReasonIs("MEMORY_BUDGET"));
  EXPECT_THAT(Predict(*model, RandomMatrix(DataType::kFloat32, 10, 5, 1)), IsOk());
}

TEST(MemoryTest, EvaluationsThatAreHeldOpenAreCounted) {
  Registry registry{ModelsOptions{}};
  const auto model = CreateModel(&registry, "m",
                                 DenseNetwork(/*inputs=*/5, {4, 1}, TanhActivation{},
                                              BinaryCrossEntropyLoss{}, DataType::kFloat32));
  const MemoryBudget& memory = *registry.memory();
  std::vector<std::shared_ptr<Evaluation>> open;
  for (int i = 0; i < 10; ++i) {
    open.push_back(model->BeginEvaluation());
    ASSERT_THAT(Await<std::int64_t>([&](Reply<std::int64_t> reply) {
                  open.back()->Add(SampleBatch(*model->network(), 1, 10'000), {}, std::move(reply));
                }),
                IsOk());
  }
  EXPECT_GE(memory.used(MemoryPurpose::kEvaluations), 10 * 10'000 * 16);
  ASSERT_TRUE(AwaitNothingHeld(registry));
  open.clear();
  EXPECT_EQ(memory.used(MemoryPurpose::kEvaluations), 0);
}

TEST(MemoryTest, WorkspacesAndParametersThatReadersHoldAreCounted) {
  Registry registry{ModelsOptions{}};
  const auto model = CreateModel(&registry, "m", SampleNetwork({1000, 1000}));
  const MemoryBudget& memory = *registry.memory();
  const std::size_t before = memory.used(MemoryPurpose::kModels);
  std::vector<Snapshot> held;
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    held.push_back(Await<GetParametersOutcome>([&](Reply<GetParametersOutcome> reply) {
                     model->GetParameters({}, {}, std::move(reply));
                   })->snapshot);
    ASSERT_THAT(Step(*model, StepOn(*model->network(), seed, /*rows=*/1000)), IsOk());
  }
  // Six older states and the one that is, of which three are counted from the beginning.
  EXPECT_GE(memory.used(MemoryPurpose::kModels) - before, 4 * 4'000'000);
  EXPECT_GE(memory.used(MemoryPurpose::kWorkspaces), 1000 * 2000 * 2 * 4);
}

TEST(MemoryTest, CheckpointsInMemoryKeepToAQuarterOfTheBudget) {
  ModelsOptions options;
  options.memory_budget_bytes = 64 * kMiB;
  Registry registry(options);
  const auto model = CreateModel(&registry, "m", SampleNetwork({500, 500}));
  absl::Status status;
  int saved = 0;
  for (; status.ok() && saved < 100; ++saved) {
    ASSERT_THAT(Step(*model, StepOn(*model->network(), 1)), IsOk());
    status = Await<CheckpointOutcome>([&](Reply<CheckpointOutcome> reply) {
               model->CreateCheckpoint({}, {}, std::move(reply));
             }).status();
  }
  EXPECT_THAT(status, ReasonIs("MEMORY_BUDGET"));
  EXPECT_GT(saved, 4);
  EXPECT_LE(registry.memory()->used(MemoryPurpose::kCheckpoints), 16 * kMiB);
  EXPECT_THAT(Predict(*model, RandomMatrix(DataType::kFloat32, 1, 5, 1)), IsOk());
}

}  // namespace
}  // namespace descent::models
