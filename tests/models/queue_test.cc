// What waits: full queues, callers that have gone, deleted models and a server that drains.

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "clock/steady.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/models/recording_observer.h"
#include "tests/models/sample_models.h"
#include "tests/support/status_matchers.h"

namespace descent::models {
namespace {

using ::descent::testing::IsOk;
using ::descent::testing::RandomMatrix;
using ::descent::testing::ReasonIs;
using ::descent::testing::StatusIs;
using ::testing::_;

class QueueTest : public ::testing::Test {
 protected:
  static ModelsOptions Options() {
    ModelsOptions options;
    options.relief = false;  // nothing gets past what holds a thread up
    options.inline_multiply_adds = -1;
    options.max_updates_per_model = 3;
    options.max_reads_per_model = 3;
    options.retry_after = absl::Milliseconds(250);
    return options;
  }

  QueueTest() {
    model_->Step(StepOn(*network_, 0), {}, writer_.reply<StepOutcome>());
    writer_.AwaitEntered();
    model_->Predict(SamplePredict(), {}, reader_.reply<PredictOutcome>());
    reader_.AwaitEntered();
  }

  static PredictCommand SamplePredict() {
    return {.inputs = RandomMatrix(DataType::kFloat32, 1, 5, 1)};
  }

  Pending<StepOutcome> BeginStep(CallContext context = {}) {
    Pending<StepOutcome> pending;
    model_->Step(StepOn(*network_, 1), std::move(context), pending.reply());
    return pending;
  }

  Pending<PredictOutcome> BeginPredict(CallContext context = {}) {
    Pending<PredictOutcome> pending;
    model_->Predict(SamplePredict(), std::move(context), pending.reply());
    return pending;
  }

  Pending<ForwardOutcome> BeginForward(CallContext context = {}) {
    Pending<ForwardOutcome> pending;
    model_->Forward({.inputs = SamplePredict().inputs.Clone()}, std::move(context),
                    pending.reply());
    return pending;
  }

  Pending<DeleteModelOutcome> BeginDelete() {
    Pending<DeleteModelOutcome> pending;
    registry_.Delete({.name = "m"}, {}, pending.reply());
    return pending;
  }

  void ReleaseAll() {
    writer_.Release();
    reader_.Release();
  }

  Registry registry_{Options()};
  const std::shared_ptr<Model> model_ = CreateModel(&registry_, "m");
  const std::shared_ptr<const Network> network_ = model_->network();
  // Each keeps the only thread of its kind busy.
  Blocker writer_;
  Blocker reader_;
};

TEST_F(QueueTest, AFullQueueSaysWhenToComeBack) {
  std::vector<Pending<StepOutcome>> steps = {BeginStep(), BeginStep()};
  const auto refused = BeginStep().Get();
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kResourceExhausted, _));
  EXPECT_THAT(refused, ReasonIs("QUEUE_FULL"));
  EXPECT_EQ(GetErrorDetails(refused.status()).retry_after, absl::Milliseconds(250));
  std::vector<Pending<PredictOutcome>> predictions = {BeginPredict(), BeginPredict()};
  EXPECT_THAT(BeginPredict().Get(), ReasonIs("QUEUE_FULL"));
  EXPECT_THAT(BeginForward().Get(), ReasonIs("QUEUE_FULL"));
  // Other models have queues of their own.
  ReleaseAll();
  for (auto& step : steps) EXPECT_THAT(step.Get(), IsOk());
  for (auto& prediction : predictions) EXPECT_THAT(prediction.Get(), IsOk());
  EXPECT_THAT(BeginStep().Get(), IsOk());
}

TEST_F(QueueTest, WorkThatNobodyWaitsForIsDropped) {
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  const CallContext cancelled{.cancelled = gone};
  const CallContext expired{.deadline = SteadyNow() + absl::Milliseconds(30)};
  Pending<StepOutcome> cancelled_step = BeginStep(cancelled);
  Pending<StepOutcome> expired_step = BeginStep(expired);
  Pending<PredictOutcome> cancelled_predict = BeginPredict(cancelled);
  Pending<ForwardOutcome> expired_forward = BeginForward(expired);
  *gone = true;
  absl::SleepFor(absl::Milliseconds(60));
  ReleaseAll();
  EXPECT_THAT(cancelled_step.Get(), StatusIs(absl::StatusCode::kCancelled, _));
  EXPECT_THAT(expired_step.Get(), StatusIs(absl::StatusCode::kDeadlineExceeded, _));
  EXPECT_THAT(cancelled_predict.Get(), StatusIs(absl::StatusCode::kCancelled, _));
  EXPECT_THAT(expired_forward.Get(), StatusIs(absl::StatusCode::kDeadlineExceeded, _));
  EXPECT_EQ(Info(*model_)->step, 1);
}

TEST_F(QueueTest, WorkThatNobodyWaitsForIsNotQueued) {
  const CallContext expired{.deadline = SteadyNow() - absl::Seconds(1)};
  const CallContext cancelled{.cancelled = std::make_shared<std::atomic<bool>>(true)};
  EXPECT_THAT(BeginStep(expired).Get(), StatusIs(absl::StatusCode::kDeadlineExceeded, _));
  EXPECT_THAT(BeginPredict(cancelled).Get(), StatusIs(absl::StatusCode::kCancelled, _));
  EXPECT_EQ(registry_.Usage().held_items, 2);
}

TEST_F(QueueTest, ARequestWhoseFirstCallWasDroppedIsWorkedOn) {
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  const auto begin = [&](CallContext context) {
    Pending<StepOutcome> pending;
    StepCommand command = StepOn(*network_, 1);
    command.request = {"id", 1};
    model_->Step(std::move(command), std::move(context), pending.reply());
    return pending;
  };
  Pending<StepOutcome> first = begin({.cancelled = gone});
  Pending<StepOutcome> repeat = begin({});
  *gone = true;
  ReleaseAll();
  EXPECT_THAT(first.Get(), StatusIs(absl::StatusCode::kCancelled, _));
  const auto outcome = repeat.Get();
  ASSERT_THAT(outcome, IsOk());
  EXPECT_FALSE(outcome->replayed);
  EXPECT_EQ(outcome->step, 2);
}

TEST_F(QueueTest, RepeatsInTheQueueAreAppliedOnce) {
  const auto begin = [&] {
    Pending<StepOutcome> pending;
    StepCommand command = StepOn(*network_, 1);
    command.request = {"id", 1};
    model_->Step(std::move(command), {}, pending.reply());
    return pending;
  };
  Pending<StepOutcome> first = begin();
  Pending<StepOutcome> repeat = begin();
  ReleaseAll();
  EXPECT_FALSE(first.Get()->replayed);
  EXPECT_TRUE(repeat.Get()->replayed);
  EXPECT_EQ(Info(*model_)->step, 2);
}

TEST_F(QueueTest, DeletingRefusesWhatIsQueued) {
  Pending<StepOutcome> step = BeginStep();
  Pending<PredictOutcome> prediction = BeginPredict();
  Pending<ForwardOutcome> forward = BeginForward();
  // The registry's own lane needs the writer thread, too.
  Pending<DeleteModelOutcome> deleted = BeginDelete();
  EXPECT_THAT(registry_.Find("m"), IsOk());
  writer_.Release();
  EXPECT_THAT(deleted.Get(), IsOk());
  step.Get().IgnoreError();  // before or after the delete
  reader_.Release();
  EXPECT_THAT(prediction.Get(), ReasonIs("MODEL_NOT_FOUND"));
  EXPECT_THAT(forward.Get(), ReasonIs("MODEL_NOT_FOUND"));
  EXPECT_THAT(BeginStep().Get(), ReasonIs("MODEL_NOT_FOUND"));
  EXPECT_THAT(BeginPredict().Get(), ReasonIs("MODEL_NOT_FOUND"));
  EXPECT_THAT(registry_.Find("m"), ReasonIs("MODEL_NOT_FOUND"));
  EXPECT_THAT(BeginDelete().Get(), ReasonIs("MODEL_NOT_FOUND"));
}

TEST_F(QueueTest, DrainFinishesWhatIsHeldAndTakesNothingNew) {
  Pending<StepOutcome> step = BeginStep();
  Pending<PredictOutcome> prediction = BeginPredict();
  EXPECT_THAT(registry_.Drain(SteadyNow() + absl::Milliseconds(20)),
              StatusIs(absl::StatusCode::kDeadlineExceeded, _));
  const auto refused = BeginStep().Get();
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnavailable, _));
  EXPECT_THAT(refused, ReasonIs("DRAINING"));
  EXPECT_EQ(GetErrorDetails(refused.status()).retry_after, absl::Milliseconds(250));
  EXPECT_THAT(BeginPredict().Get(), ReasonIs("DRAINING"));
  EXPECT_THAT(model_->AttachSession({.session_id = "s"}, std::make_shared<RecordingObserver>()),
              ReasonIs("DRAINING"));
  EXPECT_FALSE(step.HasCome());
  ReleaseAll();
  EXPECT_THAT(registry_.Drain(absl::InfiniteFuture()), IsOk());
  EXPECT_TRUE(step.HasCome());
  EXPECT_TRUE(prediction.HasCome());
  EXPECT_THAT(step.Get(), IsOk());
  EXPECT_THAT(prediction.Get(), IsOk());
}

TEST_F(QueueTest, DrainEndsSessionsBehindWhatTheyHold) {
  const auto observer = std::make_shared<RecordingObserver>();
  writer_.Release();
  const auto session = *model_->AttachSession({.session_id = "s"}, observer);
  observer->AwaitReady();
  Blocker again;
  model_->Step(StepOn(*network_, 0), {}, again.reply<StepOutcome>());
  again.AwaitEntered();
  session->Submit({.sequence = 1, .batch = SampleBatch(*network_, 1)});
  EXPECT_THAT(registry_.Drain(SteadyNow()), StatusIs(absl::StatusCode::kDeadlineExceeded, _));
  again.Release();
  reader_.Release();
  EXPECT_THAT(registry_.Drain(absl::InfiniteFuture()), IsOk());
  EXPECT_TRUE(observer->IsFinished());
  EXPECT_THAT(observer->AwaitFinished(), ReasonIs("DRAINING"));
  ASSERT_EQ(observer->acks().size(), 1);
  EXPECT_EQ(observer->acks()[0].sequence, 1);
}

// Models come and go while callers use them: every call is answered, with a result or with a
// refusal that fits.
TEST(QueueStormTest, EveryCallIsAnswered) {
  ModelsOptions options;
  options.threads = 2;
  options.inline_multiply_adds = 2000;
  options.max_updates_per_model = 4;
  options.max_reads_per_model = 4;
  Registry registry(options);
  const auto network = testing::MakeNetwork(SampleNetwork());
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    for (int i = 0; i < 60; ++i) {
      const auto created = Await<ModelInfo>([&](Reply<ModelInfo> reply) {
        registry.Create(CreateCommand("m"), {}, std::move(reply));
      });
      ASSERT_THAT(created, IsOk());
      absl::SleepFor(absl::Milliseconds(2));
      const auto deleted = Await<DeleteModelOutcome>([&](Reply<DeleteModelOutcome> reply) {
        registry.Delete({.name = "m"}, {}, std::move(reply));
      });
      ASSERT_THAT(deleted, IsOk());
    }
    over = true;
  });
  for (int caller = 0; caller < 3; ++caller) {
    threads.emplace_back([&, caller] {
      std::uint64_t seed = 0;
      while (!over) {
        const auto model = registry.Find("m");
        if (!model.ok()) continue;
        ++seed;
        absl::Status status;
        if (caller == 0) {
          status = Step(**model, StepOn(*network, seed)).status();
        } else if (caller == 1) {
          status =
              Predict(**model, RandomMatrix(DataType::kFloat32, 1 + seed % 40, 5, seed)).status();
        } else {
          const auto observer = std::make_shared<RecordingObserver>();
          const auto session = (*model)->AttachSession({.session_id = "s"}, observer);
          status = session.status();
          if (session.ok()) {
            (*session)->HalfClose();
            status = observer->AwaitFinished();
          }
        }
        if (!status.ok()) {
          EXPECT_THAT(status, ReasonIs("MODEL_NOT_FOUND"));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(AwaitNothingHeld(registry));
  EXPECT_EQ(registry.memory()->used(MemoryPurpose::kModels), 0);
  EXPECT_EQ(registry.Usage().models, 0);
}

}  // namespace
}  // namespace descent::models
