#include "client/descent/training_session.h"

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "client/descent/client.h"
#include "client/descent/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_server.h"

namespace descent::client {
namespace {

using ::testing::SizeIs;

const grpc::Status kUnavailable(grpc::StatusCode::UNAVAILABLE, "away");

// A batch that the fake server can tell from others: `tag` travels as its learning rate.
absl::Status SendTagged(TrainingSession& session, int tag) {
  return session.Send(v1::Batch(), static_cast<double>(tag));
}

class TrainingSessionTest : public ::testing::Test {
 protected:
  static ClientOptions Impatient() {
    ClientOptions options;
    options.retry.initial_backoff = absl::Milliseconds(1);
    options.retry.max_backoff = absl::Milliseconds(5);
    return options;
  }

  std::unique_ptr<TrainingSession> Open(TrainingOptions options = {}) {
    auto session = client_.Train("house", std::move(options));
    EXPECT_TRUE(session.ok()) << session.status();
    return session.ok() ? *std::move(session) : nullptr;
  }

  // Sends batches tagged from..to and finishes.
  absl::StatusOr<TrainingProgress> Run(TrainingSession& session, int from, int to) {
    for (int tag = from; tag <= to; ++tag) {
      if (absl::Status status = SendTagged(session, tag); !status.ok()) return status;
    }
    return session.Finish();
  }

  // Whether the server applied batches 1 to `last`, tagged with their numbers, once each, in order.
  void ExpectAppliedOnce(int last) {
    const auto applied = server_.applied();
    ASSERT_THAT(applied, SizeIs(last));
    for (int i = 0; i < last; ++i) {
      EXPECT_EQ(applied[i].first, i + 1);
      EXPECT_EQ(applied[i].second, i + 1);
    }
  }

  FakeServer server_;
  Client client_ = Client::Over(server_.Channel(), Impatient());
};

TEST_F(TrainingSessionTest, AppliesEveryBatchAndTellsOfEveryAck) {
  std::vector<int64_t> acks;
  TrainingOptions options;
  options.on_ack = [&](const v1::TrainAck& ack) { acks.push_back(ack.sequence()); };
  const auto session = Open(options);
  EXPECT_EQ(session->next_sequence(), 1);
  const auto progress = Run(*session, 1, 20);
  ASSERT_TRUE(progress.ok()) << progress.status();
  ExpectAppliedOnce(20);
  ASSERT_THAT(acks, SizeIs(20));
  EXPECT_EQ(acks.back(), 20);
  EXPECT_EQ(progress->sent_sequence, 20);
  EXPECT_EQ(progress->applied_sequence, 20);
  EXPECT_EQ(progress->durable_sequence, 20);
  EXPECT_EQ(progress->batches, 20);
  EXPECT_EQ(progress->rows, 20);
  EXPECT_EQ(progress->step, 20);
  EXPECT_DOUBLE_EQ(progress->loss, 1.0 / 20);
  EXPECT_EQ(progress->breaks, 0);
}

TEST_F(TrainingSessionTest, SaysWhatItWasAskedForAtTheStart) {
  const auto session = Open({.session_id = "mine", .expected_step = 7, .ack_every = 3});
  ASSERT_TRUE(session->Finish().ok());
  const auto starts = server_.starts();
  ASSERT_EQ(starts.size(), 1);
  EXPECT_EQ(starts[0].model(), "house");
  EXPECT_EQ(starts[0].session_id(), "mine");
  EXPECT_EQ(starts[0].expected_step(), 7);
  EXPECT_EQ(starts[0].ack_every(), 3);
  EXPECT_EQ(session->session_id(), "mine");
}

TEST_F(TrainingSessionTest, MendsBrokenStreamsWithoutApplyingABatchTwice) {
  server_.Script({StreamScript{.break_after = 3}, StreamScript{.break_after = 0},
                  StreamScript{.refusal = kUnavailable},
                  StreamScript{.break_after = 5, .lose_last_ack = true},
                  StreamScript{.break_after = 1, .lose_last_ack = true}});
  int breaks = 0;
  TrainingOptions options;
  options.on_break = [&](const absl::Status& cause) {
    EXPECT_EQ(cause.code(), absl::StatusCode::kUnavailable);
    ++breaks;
  };
  const auto session = Open(options);
  const auto progress = Run(*session, 1, 50);
  ASSERT_TRUE(progress.ok()) << progress.status();
  ExpectAppliedOnce(50);
  EXPECT_EQ(progress->batches, 50);
  EXPECT_EQ(progress->breaks, 4);
  EXPECT_EQ(breaks, 4);
  const auto starts = server_.starts();
  ASSERT_EQ(starts.size(), 6);
  for (const v1::TrainStart& start : starts) EXPECT_EQ(start.session_id(), starts[0].session_id());
}

TEST_F(TrainingSessionTest, ExpectsAStepOnlyOnce) {
  server_.Script({StreamScript{.refusal = kUnavailable}, StreamScript{.break_after = 1}});
  const auto session = Open({.expected_step = 0});
  ASSERT_TRUE(Run(*session, 1, 3).ok());
  const auto starts = server_.starts();
  ASSERT_EQ(starts.size(), 3);
  EXPECT_TRUE(starts[0].has_expected_step());
  EXPECT_TRUE(starts[1].has_expected_step());
  EXPECT_FALSE(starts[2].has_expected_step());
}

TEST_F(TrainingSessionTest, ABreakWhileFinishingIsMended) {
  server_.Script({StreamScript{.break_after = 2, .lose_last_ack = true}});
  const auto session = Open();
  const auto progress = Run(*session, 1, 2);
  ASSERT_TRUE(progress.ok()) << progress.status();
  ExpectAppliedOnce(2);
  EXPECT_EQ(progress->batches, 2);
}

TEST_F(TrainingSessionTest, ReplaysWhatTheServerLost) {
  server_.SetDurabilityLag(10);
  server_.Script({StreamScript{.break_after = 15}, StreamScript{.forget = 8}});
  const auto session = Open();
  ASSERT_TRUE(Run(*session, 1, 30).ok());
  ExpectAppliedOnce(30);
}

TEST_F(TrainingSessionTest, ALostBatchThatIsNoLongerKeptIsDataLoss) {
  server_.SetDurabilityLag(10);
  server_.Script({StreamScript{.break_after = 15}, StreamScript{.forget = 8}});
  const auto session = Open({.max_kept_bytes = 0});
  EXPECT_EQ(Run(*session, 1, 30).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(TrainingSessionTest, ASessionThatMovedOnWithoutUsIsAborted) {
  server_.Script({StreamScript{.break_after = 1}, StreamScript{.next_sequence = 99}});
  const auto session = Open();
  EXPECT_EQ(Run(*session, 1, 30).status().code(), absl::StatusCode::kAborted);
}

TEST_F(TrainingSessionTest, AnEarlierSessionIsGoneOnWith) {
  ASSERT_TRUE(Run(*Open({.session_id = "mine"}), 1, 5).ok());
  const auto session = Open({.session_id = "mine"});
  EXPECT_EQ(session->next_sequence(), 6);
  const auto progress = Run(*session, 6, 8);
  ASSERT_TRUE(progress.ok()) << progress.status();
  EXPECT_EQ(progress->batches, 3);
  ExpectAppliedOnce(8);
}

TEST_F(TrainingSessionTest, ABadBatchIsFinal) {
  server_.Script({StreamScript{
      .break_after = 2,
      .status = RichStatus(grpc::StatusCode::INVALID_ARGUMENT, "row 3: NaN", "NON_FINITE_VALUE")}});
  const auto session = Open();
  const absl::Status status = Run(*session, 1, 100).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(GetErrorDetails(status).reason, "NON_FINITE_VALUE");
  EXPECT_EQ(SendTagged(*session, 101), status);
  EXPECT_EQ(session->Finish().status(), status);
  EXPECT_EQ(session->progress().applied_sequence, 2);
  EXPECT_EQ(server_.starts().size(), 1);
}

TEST_F(TrainingSessionTest, ARefusedSessionDoesNotOpen) {
  server_.Script({StreamScript{
      .refusal = RichStatus(grpc::StatusCode::NOT_FOUND, "no model", "MODEL_NOT_FOUND")}});
  EXPECT_EQ(client_.Train("house").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(TrainingSessionTest, GivesUpAfterTheTimeGiven) {
  std::vector<StreamScript> script = {StreamScript{.break_after = 1}};
  script.resize(1000, StreamScript{.refusal = kUnavailable});
  server_.Script(script);
  const auto session = Open({.give_up_after = absl::Milliseconds(100)});
  const absl::Time begin = absl::Now();
  EXPECT_EQ(Run(*session, 1, 100).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(5));
}

TEST_F(TrainingSessionTest, RidesOutAServerThatIsStartedAgain) {
  std::vector<StreamScript> script = {StreamScript{
      .break_after = 3, .status = RichStatus(grpc::StatusCode::UNAVAILABLE, "", "DRAINING")}};
  for (const char* reason : {"DRAINING", "STARTING", "RECOVERING"}) {
    const StreamScript refusal = {
        .refusal = RichStatus(grpc::StatusCode::UNAVAILABLE, "", reason, absl::Milliseconds(2))};
    script.insert(script.end(), 20, refusal);
  }
  server_.Script(script);
  const auto session = Open();
  const auto progress = Run(*session, 1, 20);
  ASSERT_TRUE(progress.ok()) << progress.status();
  ExpectAppliedOnce(20);
  EXPECT_EQ(server_.starts().size(), 62);
  EXPECT_GE(TrainingOptions().give_up_after, absl::Minutes(1));
}

TEST(TrainingRestartTest, RidesOutRefusedConnections) {
  FakeServer server("127.0.0.1:0");
  ClientOptions options;
  options.target = server.address();
  const auto client = Client::Connect(options);
  ASSERT_TRUE(client.ok()) << client.status();
  const auto session = client->Train("house");
  ASSERT_TRUE(session.ok()) << session.status();
  for (int tag = 1; tag <= 5; ++tag) ASSERT_TRUE(SendTagged(**session, tag).ok());
  std::thread restart([&] {
    server.Shutdown();
    absl::SleepFor(absl::Seconds(2));
    server.Restart();
  });
  for (int tag = 6; tag <= 50; ++tag) {
    ASSERT_TRUE(SendTagged(**session, tag).ok());
    absl::SleepFor(absl::Milliseconds(2));
  }
  const auto progress = (*session)->Finish();
  restart.join();
  ASSERT_TRUE(progress.ok()) << progress.status();
  EXPECT_EQ(progress->batches, 50);
  EXPECT_GE(progress->breaks, 1);
  const auto applied = server.applied();
  ASSERT_THAT(applied, SizeIs(50));
  for (size_t i = 0; i < 50; ++i) EXPECT_EQ(applied[i].second, static_cast<double>(i + 1));
}

TEST_F(TrainingSessionTest, AServerThatIsNeverReadyIsGivenUp) {
  server_.Script({StreamScript{.never_ready = true}});
  const auto session = client_.Train("house", {.give_up_after = absl::Milliseconds(50)});
  EXPECT_EQ(session.status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(TrainingSessionTest, CancelWakesWhoeverWaits) {
  std::vector<StreamScript> script = {StreamScript{.break_after = 0}};
  script.resize(1000, StreamScript{.refusal = kUnavailable});
  server_.Script(script);
  const auto session = Open();
  std::thread canceller([&] {
    absl::SleepFor(absl::Milliseconds(20));
    session->Cancel();
  });
  EXPECT_EQ(Run(*session, 1, 100).status().code(), absl::StatusCode::kCancelled);
  canceller.join();
  EXPECT_EQ(SendTagged(*session, 1).code(), absl::StatusCode::kCancelled);
}

TEST_F(TrainingSessionTest, CancelWorksFromACallback) {
  TrainingSession* running = nullptr;
  TrainingOptions options;
  options.on_ack = [&](const v1::TrainAck& ack) {
    if (ack.sequence() == 3) running->Cancel();
  };
  const auto session = Open(options);
  running = session.get();
  EXPECT_EQ(Run(*session, 1, 1000).status().code(), absl::StatusCode::kCancelled);
}

TEST_F(TrainingSessionTest, NothingCanBeSentAfterTheFinish) {
  const auto session = Open();
  ASSERT_TRUE(session->Finish().ok());
  EXPECT_EQ(SendTagged(*session, 1).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(session->Finish().ok());
}

TEST_F(TrainingSessionTest, ASessionMayBeDroppedAtAnyTime) {
  const auto session = Open();
  ASSERT_TRUE(SendTagged(*session, 1).ok());
}

TEST_F(TrainingSessionTest, AcksOfBatchesThatWereNeverSentAreRefused) {
  server_.Script({StreamScript{.ack_offset = 100}});
  const auto session = Open();
  EXPECT_EQ(Run(*session, 1, 1).status().code(), absl::StatusCode::kInternal);
}

TEST_F(TrainingSessionTest, NoMoreThanTheWindowIsUnacknowledged) {
  server_.SetWindow(3);
  int64_t most = 0;
  const auto session = Open();
  for (int tag = 1; tag <= 100; ++tag) {
    ASSERT_TRUE(SendTagged(*session, tag).ok());
    const TrainingProgress progress = session->progress();
    most = std::max(most, progress.sent_sequence - progress.applied_sequence);
  }
  ASSERT_TRUE(session->Finish().ok());
  EXPECT_LE(most, 3);
  ExpectAppliedOnce(100);
}

}  // namespace
}  // namespace descent::client
