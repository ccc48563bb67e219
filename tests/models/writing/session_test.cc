// Training sessions: acknowledgements, order, and exactly once however often streams break.

#include <algorithm>
#include <atomic>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/models/recording_observer.h"
#include "tests/models/sample_models.h"
#include "tests/support/status_matchers.h"

namespace descent::models {
namespace {

using ::descent::testing::IsOk;
using ::descent::testing::ReasonIs;
using ::descent::testing::StatusIs;
using ::testing::_;
using ::testing::HasSubstr;

// A client's end of a stream: sends when it may.
struct Stream {
  Stream(Model* model, TrainStart start)
      : network(model->network()),
        session(*model->AttachSession(std::move(start), observer)),
        ready(observer->AwaitReady()) {}

  // The batch of sequence n is the sample of seed n. False when the session is over.
  bool Send(std::int64_t sequence, std::int64_t rows = 4) {
    return Send(sequence, SampleBatch(*network, static_cast<std::uint64_t>(sequence), rows));
  }
  bool Send(std::int64_t sequence, Batch batch) {
    if (!observer->AwaitCapacity()) return false;
    observer->SetCapacity(session->Submit({.sequence = sequence, .batch = std::move(batch)}));
    return true;
  }

  absl::Status HalfClose() {
    session->HalfClose();
    return observer->AwaitFinished();
  }

  const std::shared_ptr<const Network> network;
  const std::shared_ptr<RecordingObserver> observer = std::make_shared<RecordingObserver>();
  const std::shared_ptr<TrainingSession> session;
  const TrainReady ready;
};

std::vector<std::uint64_t> SeedsUpTo(std::uint64_t last) {
  std::vector<std::uint64_t> seeds(last);
  std::iota(seeds.begin(), seeds.end(), std::uint64_t{1});
  return seeds;
}

class SessionTest : public ::testing::TestWithParam<bool> {
 protected:
  static ModelsOptions Options() {
    ModelsOptions options;
    options.threads = 2;
    options.session_window = 8;
    if (!GetParam()) options.inline_multiply_adds = -1;
    return options;
  }

  Registry registry_{Options()};
  const std::shared_ptr<Model> model_ = CreateModel(&registry_, "m");
};

INSTANTIATE_TEST_SUITE_P(HandedOverAndInPlace, SessionTest, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "InPlace" : "HandedOver"; });

TEST_P(SessionTest, TrainsInOrderAndAcknowledgesEveryBatch) {
  Stream stream(model_.get(), {.session_id = "s"});
  EXPECT_EQ(stream.ready.next_sequence, 1);
  EXPECT_EQ(stream.ready.step, 0);
  EXPECT_EQ(stream.ready.window, 8);
  for (std::int64_t sequence = 1; sequence <= 50; ++sequence) ASSERT_TRUE(stream.Send(sequence));
  EXPECT_THAT(stream.HalfClose(), IsOk());
  const auto acks = stream.observer->acks();
  ASSERT_EQ(acks.size(), 50);
  for (std::size_t i = 0; i < 50; ++i) {
    EXPECT_EQ(acks[i].sequence, i + 1);
    EXPECT_EQ(acks[i].step, i + 1);
    EXPECT_EQ(acks[i].durable_sequence, i + 1);
    EXPECT_EQ(acks[i].rows, 4);
    EXPECT_GT(acks[i].gradient_norm, 0);
    EXPECT_EQ(acks[i].learning_rate, 1e-2);
  }
  EXPECT_EQ(Info(*model_)->state_hash, HashAfter(model_->network()->spec(), SeedsUpTo(50)));
}

TEST_P(SessionTest, AnAckCoversSeveralBatchesWithTheirLossByRows) {
  Stream stream(model_.get(), {.session_id = "s", .ack_every = 3});
  // The same batches, alone, for the losses.
  const auto trainer =
      *Trainer::Create(testing::MakeNetwork(model_->network()->spec()), SampleOptimizer(), nullptr);
  std::vector<double> losses;
  for (std::int64_t sequence = 1; sequence <= 5; ++sequence) {
    ASSERT_TRUE(stream.Send(sequence, /*rows=*/sequence));
    const Batch batch =
        SampleBatch(*stream.network, static_cast<std::uint64_t>(sequence), /*rows=*/sequence);
    losses.push_back(trainer->Step(batch)->loss);
  }
  EXPECT_THAT(stream.HalfClose(), IsOk());
  const auto acks = stream.observer->acks();
  ASSERT_EQ(acks.size(), 2);
  EXPECT_EQ(acks[0].sequence, 3);
  EXPECT_EQ(acks[0].step, 3);
  EXPECT_EQ(acks[0].rows, 1 + 2 + 3);
  EXPECT_DOUBLE_EQ(acks[0].loss, (losses[0] + 2 * losses[1] + 3 * losses[2]) / 6);
  EXPECT_EQ(acks[1].sequence, 5);
  EXPECT_EQ(acks[1].rows, 4 + 5);
  EXPECT_DOUBLE_EQ(acks[1].loss, (4 * losses[3] + 5 * losses[4]) / 9);
}

TEST_P(SessionTest, AcksComeOftenEnoughForTheWindow) {
  Stream stream(model_.get(), {.session_id = "s", .ack_every = 1000});
  for (std::int64_t sequence = 1; sequence <= 8; ++sequence) ASSERT_TRUE(stream.Send(sequence));
  stream.observer->AwaitAck(8);
  EXPECT_EQ(stream.observer->acks().size(), 2);
  EXPECT_THAT(stream.HalfClose(), IsOk());
}

TEST_P(SessionTest, GoesOnBehindItsLastBatch) {
  {
    Stream stream(model_.get(), {.session_id = "s"});
    for (std::int64_t sequence = 1; sequence <= 3; ++sequence) ASSERT_TRUE(stream.Send(sequence));
    EXPECT_THAT(stream.HalfClose(), IsOk());
  }
  Stream stream(model_.get(), {.session_id = "s", .expected_step = 3});
  EXPECT_EQ(stream.ready.next_sequence, 4);
  EXPECT_EQ(stream.ready.step, 3);
  // What was applied is acknowledged again, and not applied.
  ASSERT_TRUE(stream.Send(2));
  stream.observer->AwaitAck(2);
  EXPECT_EQ(stream.observer->acks()[0].rows, 0);
  EXPECT_EQ(stream.observer->acks()[0].durable_sequence, 3);
  EXPECT_EQ(Info(*model_)->step, 3);
  ASSERT_TRUE(stream.Send(4));
  EXPECT_THAT(stream.HalfClose(), IsOk());
  EXPECT_EQ(Info(*model_)->state_hash, HashAfter(model_->network()->spec(), SeedsUpTo(4)));
  // Another session begins at 1.
  Stream other(model_.get(), {.session_id = "t"});
  EXPECT_EQ(other.ready.next_sequence, 1);
  EXPECT_THAT(other.HalfClose(), IsOk());
}

TEST_P(SessionTest, AGapEndsTheStream) {
  Stream stream(model_.get(), {.session_id = "s", .ack_every = 4});
  ASSERT_TRUE(stream.Send(1));
  ASSERT_TRUE(stream.Send(2));
  ASSERT_TRUE(stream.Send(4));
  const absl::Status status = stream.observer->AwaitFinished();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kOutOfRange, _));
  EXPECT_THAT(status, ReasonIs("SEQUENCE_GAP"));
  EXPECT_EQ(GetErrorDetails(status).metadata.at("expected_sequence"), "3");
  // What came before it is applied and acknowledged.
  ASSERT_EQ(stream.observer->acks().size(), 1);
  EXPECT_EQ(stream.observer->acks()[0].sequence, 2);
  EXPECT_EQ(Info(*model_)->step, 2);
}

TEST_P(SessionTest, ABadBatchEndsTheStreamAndIsNamed) {
  Stream stream(model_.get(), {.session_id = "s"});
  ASSERT_TRUE(stream.Send(1));
  Batch bad = SampleBatch(*stream.network, 2);
  std::get<Matrix>(bad.targets).Set(0, 0, 3e38);
  ASSERT_TRUE(stream.Send(2, std::move(bad)));
  stream.Send(3);  // dropped, or not taken any more
  const absl::Status status = stream.observer->AwaitFinished();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("sequence 2")));
  EXPECT_THAT(status, ReasonIs("NON_FINITE_UPDATE"));
  EXPECT_EQ(GetErrorDetails(status).metadata.at("sequence"), "2");
  EXPECT_EQ(Info(*model_)->step, 1);
  // The session goes on where it was.
  Stream again(model_.get(), {.session_id = "s"});
  EXPECT_EQ(again.ready.next_sequence, 2);
  EXPECT_THAT(again.HalfClose(), IsOk());
}

TEST_P(SessionTest, FailAppliesWhatWasSubmittedFirst) {
  Stream stream(model_.get(), {.session_id = "s"});
  ASSERT_TRUE(stream.Send(1));
  ASSERT_TRUE(stream.Send(2));
  stream.session->Fail(absl::InvalidArgumentError("batch.inputs: no"));
  EXPECT_THAT(stream.observer->AwaitFinished(),
              StatusIs(absl::StatusCode::kInvalidArgument, "batch.inputs: no"));
  EXPECT_EQ(stream.observer->acks().back().sequence, 2);
  EXPECT_EQ(Info(*model_)->step, 2);
}

TEST_P(SessionTest, ChecksTheExpectedStep) {
  ASSERT_THAT(Step(*model_, StepOn(*model_->network(), 0)), IsOk());
  const auto observer = std::make_shared<RecordingObserver>();
  const auto session = model_->AttachSession({.session_id = "s", .expected_step = 0}, observer);
  ASSERT_THAT(session, IsOk());
  EXPECT_THAT(observer->AwaitFinished(), ReasonIs("STEP_MISMATCH"));
  EXPECT_TRUE(observer->acks().empty());
}

TEST_P(SessionTest, ANewerStreamTakesTheSessionOver) {
  Stream first(model_.get(), {.session_id = "s"});
  ASSERT_TRUE(first.Send(1));
  Stream second(model_.get(), {.session_id = "s"});
  const absl::Status status = first.observer->AwaitFinished();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kAborted, _));
  EXPECT_THAT(status, ReasonIs("SESSION_TAKEN_OVER"));
  EXPECT_EQ(second.ready.next_sequence, 2);
  first.session->Submit({.sequence = 2, .batch = SampleBatch(*first.network, 99)});
  ASSERT_TRUE(second.Send(2));
  EXPECT_THAT(second.HalfClose(), IsOk());
  EXPECT_EQ(Info(*model_)->state_hash, HashAfter(model_->network()->spec(), SeedsUpTo(2)));
}

TEST_P(SessionTest, ADetachedStreamIsToldNothingMore) {
  Stream stream(model_.get(), {.session_id = "s", .ack_every = 4});
  ASSERT_TRUE(stream.Send(1));
  stream.session->Detach();
  EXPECT_FALSE(stream.session->Submit({.sequence = 2, .batch = SampleBatch(*stream.network, 2)}));
  ASSERT_THAT(Info(*model_), IsOk());  // behind everything the stream left on the lane
  EXPECT_FALSE(stream.observer->IsFinished());
  EXPECT_TRUE(stream.observer->acks().empty());
  EXPECT_TRUE(AwaitNothingHeld(registry_));
}

TEST_P(SessionTest, ADeletedModelEndsItsSessions) {
  Stream stream(model_.get(), {.session_id = "s"});
  ASSERT_TRUE(stream.Send(1));
  EXPECT_THAT(Await<DeleteModelOutcome>([&](Reply<DeleteModelOutcome> reply) {
                registry_.Delete({.name = "m"}, {}, std::move(reply));
              }),
              IsOk());
  EXPECT_THAT(stream.observer->AwaitFinished(), ReasonIs("MODEL_NOT_FOUND"));
  EXPECT_THAT(model_->AttachSession({.session_id = "t"}, std::make_shared<RecordingObserver>()),
              ReasonIs("MODEL_NOT_FOUND"));
}

// A window of three batches of four rows, by their number or by what they cost.
ModelsOptions ThreeBatches(bool by_cost) {
  ModelsOptions options;
  if (by_cost) {
    Registry registry({});
    const auto model = CreateModel(&registry, "m");
    const Network& network = *model->network();
    options.session_window_multiply_adds =
        static_cast<std::int64_t>(3 * (GradientCost(network, 4) + ParametersCost(network)));
  } else {
    options.session_window = 3;
  }
  options.relief = false;  // nothing gets past what holds a thread up
  options.inline_multiply_adds = -1;
  return options;
}

class SessionWindowTest : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(ByCost, SessionWindowTest, ::testing::Bool());

TEST_P(SessionWindowTest, HoldsNoMoreThanTheWindow) {
  Registry registry(ThreeBatches(GetParam()));
  const auto model = CreateModel(&registry, "m");
  Blocker blocker;
  model->Step(StepOn(*model->network(), 0), {}, blocker.reply<StepOutcome>());
  blocker.AwaitEntered();
  const auto observer = std::make_shared<RecordingObserver>();
  const auto session = *model->AttachSession({.session_id = "s"}, observer);
  blocker.Release();
  observer->AwaitReady();
  ASSERT_TRUE(observer->AwaitCapacity());

  Blocker again;
  model->Step(StepOn(*model->network(), 0), {}, again.reply<StepOutcome>());
  again.AwaitEntered();
  const auto submit = [&](std::int64_t sequence) {
    return session->Submit({.sequence = sequence, .batch = SampleBatch(*model->network(), 1)});
  };
  EXPECT_TRUE(submit(1));
  EXPECT_TRUE(submit(2));
  EXPECT_FALSE(submit(3));
  again.Release();
  EXPECT_TRUE(observer->AwaitCapacity());
  submit(4);  // fills the window again, or not: the lane is at work
  session->HalfClose();
  EXPECT_THAT(observer->AwaitFinished(), IsOk());
  EXPECT_EQ(observer->acks().back().sequence, 4);
}

TEST(SessionWindowBoundTest, HoldsOneBatchWhateverItsBytes) {
  ModelsOptions options;
  options.session_window_bytes = 1;
  options.inline_multiply_adds = -1;
  Registry registry(options);
  const auto model = CreateModel(&registry, "m");
  Stream stream(model.get(), {.session_id = "s"});
  for (std::int64_t sequence = 1; sequence <= 20; ++sequence) ASSERT_TRUE(stream.Send(sequence));
  EXPECT_THAT(stream.HalfClose(), IsOk());
  EXPECT_EQ(stream.observer->acks().size(), 20);
}

TEST(SessionWindowBoundTest, AFullServerHoldsOneBatchAStream) {
  ModelsOptions options;
  options.max_items = 3;  // the sessions themselves are two of them
  options.inline_multiply_adds = -1;
  Registry registry(options);
  const auto model = CreateModel(&registry, "m");
  Stream a(model.get(), {.session_id = "a"});
  Stream b(model.get(), {.session_id = "b"});
  for (std::int64_t sequence = 1; sequence <= 20; ++sequence) {
    ASSERT_TRUE(a.Send(sequence));
    ASSERT_TRUE(b.Send(sequence));
  }
  EXPECT_THAT(a.HalfClose(), IsOk());
  EXPECT_THAT(b.HalfClose(), IsOk());
  EXPECT_EQ(Info(*model)->step, 40);
}

// Streams of one session break at random moments, detached or taken over, while another session and
// unary steps train the same model. Every batch must be applied exactly once, in its order.
TEST(SessionExactlyOnceTest, HoweverOftenStreamsBreak) {
  constexpr std::int64_t kBatches = 400;
  for (const std::uint64_t seed : {1, 2, 3}) {
    SCOPED_TRACE(seed);
    ModelsOptions options;
    options.threads = 2;
    options.session_window = 6;
    options.inline_multiply_adds = seed == 1 ? -1 : 1 << 18;
    Registry registry(options);
    const auto model = CreateModel(&registry, "m");

    const auto run_session = [&](const std::string& id, std::uint64_t random_seed) {
      std::mt19937_64 random(random_seed);
      std::vector<std::shared_ptr<Stream>> taken_over;
      std::int64_t acknowledged = 0;
      while (acknowledged < kBatches) {
        auto stream = std::make_shared<Stream>(model.get(), TrainStart{.session_id = id});
        ASSERT_GT(stream->ready.next_sequence, acknowledged);
        const std::int64_t stop = std::min<std::int64_t>(
            kBatches, stream->ready.next_sequence + static_cast<std::int64_t>(random() % 40));
        for (std::int64_t next = stream->ready.next_sequence; next <= stop; ++next) {
          ASSERT_TRUE(stream->Send(next));
        }
        const std::uint64_t end = random() % 3;
        if (stop == kBatches || end == 0) {
          ASSERT_THAT(stream->HalfClose(), IsOk());
          acknowledged = stop;
        } else if (end == 1) {
          stream->session->Detach();
          const auto acks = stream->observer->acks();
          if (!acks.empty()) acknowledged = acks.back().sequence;
        } else {
          taken_over.push_back(stream);  // by the next stream
        }
      }
      for (const auto& stream : taken_over) {
        EXPECT_THAT(stream->observer->AwaitFinished(), ReasonIs("SESSION_TAKEN_OVER"));
      }
    };
    std::thread a([&] { run_session("a", seed); });
    std::thread b([&] { run_session("b", seed + 100); });
    for (std::uint64_t step = 0; step < 50; ++step) {
      EXPECT_THAT(Step(*model, StepOn(*model->network(), step)), IsOk());
    }
    a.join();
    b.join();
    EXPECT_EQ(Info(*model)->step, 2 * kBatches + 50);
    EXPECT_TRUE(AwaitNothingHeld(registry));
  }
}

// One session alone, broken at random moments: the very bits of an undisturbed run.
TEST(SessionExactlyOnceTest, GivesTheBitsOfAnUndisturbedRun) {
  constexpr std::int64_t kBatches = 200;
  ModelsOptions options;
  options.threads = 2;
  options.session_window = 5;
  options.inline_multiply_adds = -1;
  Registry registry(options);
  const auto model = CreateModel(&registry, "m");
  std::mt19937_64 random(5);
  std::int64_t next = 1;
  while (next <= kBatches) {
    Stream stream(model.get(), {.session_id = "s"});
    next = stream.ready.next_sequence;
    const std::int64_t stop =
        std::min<std::int64_t>(kBatches + 1, next + static_cast<std::int64_t>(random() % 30));
    for (; next < stop; ++next) ASSERT_TRUE(stream.Send(next));
    if (next > kBatches) {
      ASSERT_THAT(stream.HalfClose(), IsOk());
    } else {
      stream.session->Detach();
    }
  }
  EXPECT_EQ(Info(*model)->state_hash, HashAfter(model->network()->spec(), SeedsUpTo(kBatches)));
}

}  // namespace
}  // namespace descent::models
