// Predictions: merged or alone, with or without training beside them, the same bits.

#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rapidcheck/gtest.h"
#include "server/models/reading/passes.h"
#include "tests/models/sample_models.h"
#include "tests/support/status_matchers.h"

namespace descent::models {
namespace {

using ::descent::testing::IsOk;
using ::descent::testing::MakeNetwork;
using ::descent::testing::RandomMatrix;
using ::descent::testing::ReasonIs;

// Rows [row, row + rows) of a matrix.
Matrix Rows(const Matrix& matrix, std::int64_t row, std::int64_t rows) {
  Matrix taken(matrix.type(), rows, matrix.cols());
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < matrix.cols(); ++j) taken.Set(i, j, matrix.At(row + i, j));
  }
  return taken;
}

RC_GTEST_PROP(MergedPredictionTest, GivesEachCallerTheBitsOfItsRowsAlone, ()) {
  const auto type = *rc::gen::element(DataType::kFloat32, DataType::kFloat64);
  const auto loss =
      *rc::gen::element<LossSpec>(MeanSquaredErrorLoss{}, SoftmaxCrossEntropyLoss{}, PoissonLoss{});
  const auto inputs = *rc::gen::inRange<std::int64_t>(1, 40);
  const auto hidden = *rc::gen::inRange<std::int64_t>(1, 70);
  const auto outputs = *rc::gen::inRange<std::int64_t>(1, 12);
  const auto network =
      MakeNetwork(testing::DenseNetwork(inputs, {hidden, outputs}, TanhActivation{}, loss, type));
  const auto trainer = *Trainer::Create(network, SampleOptimizer(), nullptr);
  const auto sizes = *rc::gen::nonEmpty(
      rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(1, 9)));

  std::vector<PredictCommand> commands;
  std::vector<const PredictCommand*> merged;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    commands.push_back(
        {.inputs = RandomMatrix(type, sizes[i], inputs, i), .raw_outputs = i % 2 == 0});
  }
  for (const PredictCommand& command : commands) merged.push_back(&command);
  ReadWorkspace workspace;
  const auto outcomes =
      RunPredict(*network, trainer->snapshot(), merged, /*pool=*/nullptr, &workspace);
  RC_ASSERT(outcomes.size() == commands.size());
  for (std::size_t i = 0; i < commands.size(); ++i) {
    ReadWorkspace fresh;
    const auto alone = RunPredict(*network, trainer->snapshot(), commands[i], nullptr, &fresh);
    RC_ASSERT(outcomes[i].ok() && alone.ok());
    RC_ASSERT(SameBits(outcomes[i]->outputs, alone->outputs));
    // And row by row, so in any order of the rows too.
    for (std::int64_t row = 0; row < sizes[i]; ++row) {
      const PredictCommand one{.inputs = Rows(commands[i].inputs, row, 1),
                               .raw_outputs = commands[i].raw_outputs};
      const auto single = RunPredict(*network, trainer->snapshot(), one, nullptr, &fresh);
      RC_ASSERT(single.ok());
      RC_ASSERT(SameBits(single->outputs, Rows(alone->outputs, row, 1)));
    }
  }
}

TEST(PredictionBatcherTest, ACallerWhoseRowHasNoFiniteAnswerFailsAlone) {
  const auto network = MakeNetwork(testing::DenseNetwork(
      5, {1}, IdentityActivation{}, MeanSquaredErrorLoss{}, DataType::kFloat32));
  Buffer ones(DataType::kFloat32, network->layout().size());
  for (std::int64_t i = 0; i < 5; ++i) ones.Set(i, 1);
  const auto trainer = *Trainer::Create(network, SampleOptimizer(), nullptr);
  ASSERT_THAT(trainer->SetParameters(ones, false), IsOk());
  std::vector<PredictCommand> commands;
  std::vector<const PredictCommand*> merged;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    commands.push_back({.inputs = RandomMatrix(DataType::kFloat32, 4, 5, seed)});
  }
  for (std::int64_t j = 0; j < 5; ++j) commands[1].inputs.Set(2, j, 3e38);
  for (const PredictCommand& command : commands) merged.push_back(&command);
  ReadWorkspace workspace;
  const auto outcomes = RunPredict(*network, trainer->snapshot(), merged, nullptr, &workspace);
  EXPECT_THAT(outcomes[0], IsOk());
  EXPECT_THAT(outcomes[1], ReasonIs("NON_FINITE_ANSWER"));
  EXPECT_EQ(GetErrorDetails(outcomes[1].status()).metadata.at("row"), "2");
  EXPECT_THAT(outcomes[2], IsOk());
}

TEST(PredictionBatcherTest, MergesWhatGatheredWhileTheReadersWereBusy) {
  ModelsOptions options;
  options.relief = false;  // nothing gets past what holds a thread up
  options.inline_multiply_adds = -1;
  options.max_merged_rows = 64;
  Registry registry(options);
  const auto model = CreateModel(&registry, "m", SampleNetwork({300, 70, 3}));
  constexpr int kCallers = 40;
  std::vector<Matrix> inputs;
  std::vector<PredictOutcome> alone;
  for (int i = 0; i < kCallers; ++i) {
    inputs.push_back(RandomMatrix(DataType::kFloat32, 1 + i % 5, 5, static_cast<std::uint64_t>(i)));
    alone.push_back(*Predict(*model, inputs.back().Clone(), /*raw=*/i % 2 == 0));
  }
  // A call gives its place back a moment after its answer.
  ASSERT_TRUE(AwaitNothingHeld(registry));
  Blocker blocker;
  model->Predict({.inputs = inputs[0].Clone()}, {}, blocker.reply<PredictOutcome>());
  blocker.AwaitEntered();
  std::vector<Pending<PredictOutcome>> pending(kCallers);
  for (int i = 0; i < kCallers; ++i) {
    const auto at = static_cast<std::size_t>(i);
    model->Predict({.inputs = inputs[at].Clone(), .raw_outputs = i % 2 == 0}, {},
                   pending[at].reply());
  }
  EXPECT_EQ(registry.Usage().held_items, kCallers + 1);
  blocker.Release();
  for (std::size_t i = 0; i < kCallers; ++i) {
    const auto outcome = pending[i].Get();
    ASSERT_THAT(outcome, IsOk());
    EXPECT_TRUE(SameBits(outcome->outputs, alone[i].outputs));
  }
}

// The thread that a prediction is answered on.
std::thread::id AnsweringThread(Model* model) {
  std::promise<std::thread::id> thread;
  model->Predict({.inputs = RandomMatrix(DataType::kFloat32, 1, 5, 1)}, {},
                 [&thread](const absl::StatusOr<PredictOutcome>& outcome) {
                   EXPECT_THAT(outcome, IsOk());
                   thread.set_value(std::this_thread::get_id());
                 });
  return thread.get_future().get();
}

TEST(PredictionTest, IsHandedOverUnlessItComesAlone) {
  ModelsOptions options;
  options.inline_multiply_adds = 1000;  // a prediction is about twice as large
  Registry registry(options);
  const auto model = CreateModel(&registry, "m", SampleNetwork({200, 3}));
  const std::thread::id here = std::this_thread::get_id();
  EXPECT_NE(AnsweringThread(model.get()), here);
  const auto comes_alone = [&] {
    absl::SleepFor(absl::Milliseconds(1));
    return AnsweringThread(model.get()) == here;
  };
  int calls = 0;
  while (!comes_alone()) ASSERT_LT(++calls, 100);
  EXPECT_TRUE(comes_alone());
  // Callers that follow each other closely; the machine may be slow between any two of them.
  const auto follows = [&] {
    Pending<PredictOutcome> before;
    model->Predict({.inputs = RandomMatrix(DataType::kFloat32, 1, 5, 1)}, {}, before.reply());
    const bool handed_over = AnsweringThread(model.get()) != here;
    return before.Get().ok() && handed_over;
  };
  calls = 0;
  while (!follows()) ASSERT_LT(++calls, 1000);
  EXPECT_FALSE(comes_alone());
}

TEST(PredictionTest, IsHandedOverWhenItIsLarge) {
  ModelsOptions options;
  options.inline_multiply_adds = 1000;
  Registry registry(options);
  const auto model = CreateModel(&registry, "m", SampleNetwork({700, 3}));
  for (int i = 0; i < 20; ++i) {
    absl::SleepFor(absl::Milliseconds(1));
    EXPECT_NE(AnsweringThread(model.get()), std::this_thread::get_id());
  }
}

TEST(PredictionTest, DoesNotWaitForTraining) {
  ModelsOptions options;
  options.relief = false;  // nothing gets past what holds a thread up
  options.inline_multiply_adds = -1;
  Registry registry(options);
  const auto model = CreateModel(&registry, "m");
  // The writer lane, and every writer thread, is held up.
  Blocker blocker;
  model->Step(StepOn(*model->network(), 0), {}, blocker.reply<StepOutcome>());
  blocker.AwaitEntered();
  Pending<StepOutcome> queued;
  model->Step(StepOn(*model->network(), 1), {}, queued.reply());
  const auto outcome = Predict(*model, RandomMatrix(DataType::kFloat32, 3, 5, 1));
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->step, 1);
  EXPECT_FALSE(queued.HasCome());
  blocker.Release();
  EXPECT_THAT(queued.Get(), IsOk());
}

// Predictions, merged and inline, run beside training. Each must be what the network says at the
// step it names, bit for bit, and no caller may see the steps go back.
TEST(PredictionTest, SeesWholeStepsWhileTheModelTrains) {
  constexpr std::uint64_t kSteps = 300;
  ModelsOptions options;
  options.threads = 2;
  options.inline_multiply_adds = 5000;  // one row is done in place, ten are handed over
  Registry registry(options);
  const NetworkSpec spec = SampleNetwork({64, 40, 2});
  const auto model = CreateModel(&registry, "m", spec);

  // What the model should say of these rows at every step.
  const Matrix one_row = RandomMatrix(DataType::kFloat32, 1, 5, 77);
  const Matrix ten_rows = RandomMatrix(DataType::kFloat32, 10, 5, 78);
  std::map<std::int64_t, std::pair<Matrix, Matrix>> expected;
  const auto trainer = *Trainer::Create(MakeNetwork(spec), SampleOptimizer(), nullptr);
  ReadWorkspace workspace;
  for (std::uint64_t seed = 0; seed <= kSteps; ++seed) {
    const auto outputs = [&](const Matrix& inputs) {
      const PredictCommand command{.inputs = inputs.Clone(), .raw_outputs = true};
      return RunPredict(trainer->network(), trainer->snapshot(), command, nullptr, &workspace)
          ->outputs.Clone();
    };
    expected[trainer->step()] = {outputs(one_row), outputs(ten_rows)};
    ASSERT_THAT(trainer->Step(SampleBatch(trainer->network(), seed)), IsOk());
  }

  std::atomic<bool> training{true};
  std::atomic<std::int64_t> acknowledged{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&, caller] {
      std::int64_t last = 0;
      while (training) {
        const std::int64_t at_least = acknowledged;
        const bool one = caller % 2 == 0;
        const auto outcome = Predict(*model, (one ? one_row : ten_rows).Clone());
        ASSERT_THAT(outcome, IsOk());
        EXPECT_GE(outcome->step, last);
        EXPECT_GE(outcome->step, at_least);  // an acknowledged step is seen by the next read
        last = outcome->step;
        const auto& [of_one, of_ten] = expected.at(outcome->step);
        EXPECT_TRUE(SameBits(outcome->outputs, one ? of_one : of_ten));
      }
    });
  }
  for (std::uint64_t seed = 0; seed < kSteps; ++seed) {
    const auto outcome = Step(*model, StepOn(*model->network(), seed));
    ASSERT_THAT(outcome, IsOk());
    acknowledged = outcome->step;
  }
  training = false;
  for (std::thread& caller : callers) caller.join();
}

}  // namespace
}  // namespace descent::models
