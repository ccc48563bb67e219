// The Train stream, through the real server.

#include <deque>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "tests/services/service_fixture.h"

namespace descent::testing {
namespace {

using absl::StatusCode;
using ::testing::ElementsAre;

class TrainTest : public ServiceTest {
 protected:
  void SetUp() override { Create(LineModel("line")); }

  // A stream that has begun.
  TrainStream Begin(const std::string& session, int ack_every = 0,
                    const std::string& model = "line") {
    TrainStream stream = client_->Train();
    EXPECT_TRUE(stream.Write(StartOf(model, session, ack_every)));
    const auto ready = stream.Read();
    EXPECT_TRUE(ready.has_value() && ready->has_ready());
    if (ready.has_value()) ready_ = ready->ready();
    return stream;
  }

  // Reads acks until one covers `sequence`.
  static std::vector<v1::TrainAck> AcksUpTo(std::int64_t sequence, TrainStream* stream) {
    std::vector<v1::TrainAck> acks;
    while (acks.empty() || acks.back().sequence() < sequence) {
      const auto response = stream->Read();
      if (!response.has_value()) {
        ADD_FAILURE() << "the stream ended before " << sequence << " was acknowledged";
        break;
      }
      acks.push_back(response->ack());
    }
    return acks;
  }

  // The hash of a model trained by Step on LineBatch(rows, 1 … last).
  std::uint64_t HashAfterSteps(unsigned last) {
    Create(LineModel("reference"));
    for (unsigned i = 1; i <= last; ++i) {
      EXPECT_TRUE(client_->Call(StepOf("reference", LineBatch(8, i))).ok());
    }
    return Get("reference").state_hash();
  }

  v1::TrainReady ready_;
};

TEST_F(TrainTest, AppliesEveryBatchInOrder) {
  TrainStream stream = Begin("s");
  EXPECT_EQ(ready_.next_sequence(), 1);
  EXPECT_EQ(ready_.step(), 0);
  EXPECT_EQ(ready_.window(), models_options_.session_window);
  for (unsigned i = 1; i <= 10; ++i) ASSERT_TRUE(stream.Write(BatchOf(i, LineBatch(8, i))));
  stream.HalfClose();
  const std::vector<v1::TrainAck> acks = AcksUpTo(10, &stream);
  ASSERT_EQ(acks.size(), 10u);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(acks[i].sequence(), i + 1);
    EXPECT_EQ(acks[i].step(), i + 1);
    EXPECT_EQ(acks[i].rows(), 8);
    EXPECT_EQ(acks[i].learning_rate(), 0.125);
    EXPECT_GT(acks[i].gradient_norm(), 0);
  }
  EXPECT_EQ(acks.back().durable_sequence(), 10);
  EXPECT_LT(acks.back().loss(), acks.front().loss());
  const CallStatus status = stream.Finish();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(Get("line").state_hash(), HashAfterSteps(10));
}

TEST_F(TrainTest, OneAckCoversSeveralBatches) {
  TrainStream stream = Begin("s", 4);
  double losses = 0;
  for (unsigned i = 1; i <= 10; ++i) {
    ASSERT_TRUE(stream.Write(BatchOf(i, LineBatch(static_cast<int>(i), i))));
  }
  Create(LineModel("reference"));
  for (unsigned i = 1; i <= 4; ++i) {
    losses += i * client_->Call(StepOf("reference", LineBatch(static_cast<int>(i), i)))->loss();
  }
  stream.HalfClose();
  const std::vector<v1::TrainAck> acks = AcksUpTo(10, &stream);
  std::int64_t rows = 0;
  std::int64_t previous = 0;
  for (const v1::TrainAck& ack : acks) {
    EXPECT_LE(ack.sequence() - previous, 4);
    previous = ack.sequence();
    rows += ack.rows();
    if (ack.sequence() == 4) {
      EXPECT_EQ(ack.rows(), 10);
      EXPECT_DOUBLE_EQ(ack.loss(), losses / 10);
    }
  }
  EXPECT_EQ(rows, 55);
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(TrainTest, GoesOnWhereABrokenStreamStopped) {
  {
    TrainStream stream = Begin("s");
    for (unsigned i = 1; i <= 5; ++i) ASSERT_TRUE(stream.Write(BatchOf(i, LineBatch(8, i))));
    AcksUpTo(5, &stream);
    stream.Cancel();
    EXPECT_EQ(stream.Finish().code, StatusCode::kCancelled);
  }
  TrainStream stream = Begin("s");
  EXPECT_EQ(ready_.next_sequence(), 6);
  EXPECT_EQ(ready_.step(), 5);
  // Batches that were applied before are acknowledged again and not applied again.
  for (unsigned i = 4; i <= 8; ++i) ASSERT_TRUE(stream.Write(BatchOf(i, LineBatch(8, i))));
  stream.HalfClose();
  EXPECT_EQ(AcksUpTo(8, &stream).back().step(), 8);
  EXPECT_TRUE(stream.Finish().ok());
  EXPECT_EQ(Get("line").step(), 8);
  EXPECT_EQ(Get("line").state_hash(), HashAfterSteps(8));
}

TEST_F(TrainTest, ManyBreaksLoseAndRepeatNothing) {
  constexpr unsigned kBatches = 200;
  unsigned broken = 0;
  for (bool done = false; !done;) {
    TrainStream stream = Begin("s", 3);
    std::thread writer([&stream, first = static_cast<unsigned>(ready_.next_sequence())] {
      for (unsigned i = first; i <= kBatches; ++i) {
        if (!stream.Write(BatchOf(i, LineBatch(8, i)))) return;
      }
      stream.HalfClose();
    });
    // Break after a few acks, at a different place each time.
    for (unsigned acks = 0; acks < 3 + broken % 7; ++acks) {
      const auto response = stream.Read();
      if (!response.has_value()) break;
      done = response->ack().sequence() == kBatches;
    }
    // The last acks may have been lost, not the batches: then there is nothing left to send.
    done = done || ready_.next_sequence() > kBatches;
    if (!done) stream.Cancel();
    writer.join();
    stream.Finish();
    ++broken;
  }
  EXPECT_GT(broken, 2u);
  EXPECT_EQ(Get("line").step(), kBatches);
  EXPECT_EQ(Get("line").state_hash(), HashAfterSteps(kBatches));
}

// Acknowledgements of batches that come fast are gathered, and leave though nothing more comes.
TEST_F(TrainTest, BurstsAreAcknowledgedToTheLastBatchWithoutMore) {
  TrainStream stream = Begin("s");
  unsigned sequence = 0;
  for (const unsigned burst : {300u, 1u, 7u, 33u, 300u, 2u, 63u, 64u, 65u, 250u}) {
    const unsigned end = sequence + burst;
    std::thread writer([&stream, first = sequence + 1, end] {
      for (unsigned i = first; i <= end; ++i) {
        ASSERT_TRUE(stream.Write(BatchOf(i, LineBatch(1, i))));
      }
    });
    while (sequence < end) {
      const auto response = stream.Read();
      ASSERT_TRUE(response.has_value());
      ASSERT_EQ(response->ack().sequence(), ++sequence) << "one for every batch, in order";
      ASSERT_EQ(response->ack().rows(), 1);
    }
    writer.join();
  }
  stream.HalfClose();
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(TrainTest, AGapEndsTheStreamAndNamesTheSequence) {
  TrainStream stream = Begin("s");
  ASSERT_TRUE(stream.Write(BatchOf(1, LineBatch(8, 1))));
  ASSERT_TRUE(stream.Write(BatchOf(3, LineBatch(8, 3))));
  EXPECT_EQ(AcksUpTo(1, &stream).size(), 1u);
  const CallStatus status = stream.Finish();
  EXPECT_EQ(status.code, StatusCode::kOutOfRange) << status;
  EXPECT_EQ(status.reason, "SEQUENCE_GAP");
  EXPECT_EQ(status.domain, "descent.v1");
  EXPECT_EQ(status.metadata.at("sequence"), "3");
  EXPECT_EQ(Get("line").step(), 1);
}

TEST_F(TrainTest, OneBadBatchEndsTheStreamAfterWhatCameBefore) {
  RestartOnPort();
  Create(LineModel("line"));
  TrainStream stream = Begin("s");
  ASSERT_TRUE(stream.Write(BatchOf(1, LineBatch(8, 1))));
  ASSERT_TRUE(stream.Write(BatchOf(2, LineBatch(8, 2))));
  v1::TrainRequest bad = BatchOf(3, LineBatch(8, 3));
  bad.mutable_batch()->mutable_batch()->mutable_inputs()->set_shape(1, 3);
  ASSERT_TRUE(stream.Write(bad));
  stream.Write(BatchOf(4, LineBatch(8, 4)));
  EXPECT_EQ(AcksUpTo(2, &stream).size(), 2u);
  const CallStatus status = stream.Finish();
  EXPECT_EQ(status.code, StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(status.metadata.at("sequence"), "3");
  EXPECT_THAT(status.fields, ElementsAre("batch.batch.inputs"));
  EXPECT_EQ(Get("line").step(), 2);
}

TEST_F(TrainTest, SeveralBatchesOfAMessageAreAppliedAsIfEachHadItsOwn) {
  TrainStream stream = Begin("s");
  EXPECT_EQ(ready_.most_batches(), 64);
  std::int64_t last = 0;
  std::vector<std::int64_t> acknowledged;
  for (const int count : {3, 1, 64, 2}) {
    std::vector<v1::TrainRequest> requests;
    for (int i = 0; i < count; ++i) {
      ++last;
      requests.push_back(BatchOf(last, LineBatch(8, static_cast<unsigned>(last))));
    }
    ASSERT_TRUE(stream.Write(Joined(requests)));
    for (const v1::TrainAck& ack : AcksUpTo(last, &stream)) acknowledged.push_back(ack.sequence());
  }
  EXPECT_EQ(last, 70);
  std::vector<std::int64_t> expected(70);
  std::iota(expected.begin(), expected.end(), 1);
  EXPECT_EQ(acknowledged, expected);
  stream.HalfClose();
  const CallStatus status = stream.Finish();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(Get("line").state_hash(), HashAfterSteps(70));
}

TEST_F(TrainTest, SeveralBatchesOfAMessageWaitForTheWindow) {
  models_options_.session_window = 2;
  Restart();
  Create(SlowModel("slow"));
  TrainStream stream = Begin("s", 0, "slow");
  std::vector<v1::TrainRequest> requests;
  for (int i = 1; i <= 20; ++i) requests.push_back(BatchOf(i, SlowBatch()));
  ASSERT_TRUE(stream.Write(Joined(requests)));
  ASSERT_TRUE(stream.Write(BatchOf(21, SlowBatch())));
  stream.HalfClose();
  std::int64_t most = 0;
  std::thread watcher([&] {
    while (Get("slow").step() < 21) most = std::max(most, registry_->Usage().held_items);
  });
  EXPECT_EQ(AcksUpTo(21, &stream).back().sequence(), 21);
  watcher.join();
  EXPECT_TRUE(stream.Finish().ok());
  EXPECT_LE(most, 2 + 2);
}

TEST_F(TrainTest, BatchesOfAMessageThatWaitGoWithTheirStream) {
  models_options_.session_window = 1;
  Restart();
  Create(SlowModel("slow"));
  {
    TrainStream stream = Begin("s", 0, "slow");
    std::vector<v1::TrainRequest> requests;
    for (int i = 1; i <= 64; ++i) requests.push_back(BatchOf(i, SlowBatch()));
    ASSERT_TRUE(stream.Write(Joined(requests)));
    AcksUpTo(2, &stream);
    stream.Cancel();
    EXPECT_EQ(stream.Finish().code, StatusCode::kCancelled);
  }
  TrainStream stream = Begin("s", 0, "slow");
  EXPECT_LT(ready_.next_sequence(), 65);
  stream.HalfClose();
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(TrainTest, BatchesOfAMessageThatWereAppliedBeforeAreNotAppliedAgain) {
  {
    TrainStream stream = Begin("s");
    for (unsigned i = 1; i <= 5; ++i) ASSERT_TRUE(stream.Write(BatchOf(i, LineBatch(8, i))));
    AcksUpTo(5, &stream);
    stream.Cancel();
    stream.Finish();
  }
  TrainStream stream = Begin("s");
  std::vector<v1::TrainRequest> requests;
  for (unsigned i = 3; i <= 9; ++i) requests.push_back(BatchOf(i, LineBatch(8, i)));
  ASSERT_TRUE(stream.Write(Joined(requests)));
  stream.HalfClose();
  AcksUpTo(9, &stream);
  EXPECT_TRUE(stream.Finish().ok());
  EXPECT_EQ(Get("line").state_hash(), HashAfterSteps(9));
}

TEST_F(TrainTest, ABadBatchInAMessageEndsTheStreamAfterThoseBeforeIt) {
  TrainStream stream = Begin("s");
  std::vector<v1::TrainRequest> requests;
  for (unsigned i = 1; i <= 5; ++i) requests.push_back(BatchOf(i, LineBatch(8, i)));
  requests[3].mutable_batch()->mutable_batch()->mutable_inputs()->set_shape(1, 3);
  ASSERT_TRUE(stream.Write(Joined(requests)));
  EXPECT_EQ(AcksUpTo(3, &stream).size(), 3u);
  const CallStatus status = stream.Finish();
  EXPECT_EQ(status.code, StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(status.metadata.at("sequence"), "4");
  EXPECT_THAT(status.fields, ElementsAre("more[2].batch.inputs"));
  EXPECT_EQ(Get("line").step(), 3);
}

TEST_F(TrainTest, TooManyBatchesInAMessageAndBatchesWithoutAFirstAreRefused) {
  TrainStream stream = Begin("s");
  std::vector<v1::TrainRequest> requests;
  for (unsigned i = 1; i <= 65; ++i) requests.push_back(BatchOf(i, LineBatch(8, i)));
  ASSERT_TRUE(stream.Write(Joined(requests)));
  EXPECT_THAT(stream.Finish().fields, ElementsAre("more"));

  TrainStream headless = Begin("t");
  v1::TrainRequest request = Joined({requests[0], requests[1]});
  request.clear_batch();
  ASSERT_TRUE(headless.Write(request));
  EXPECT_THAT(headless.Finish().fields, ElementsAre("batch"));

  TrainStream early = client_->Train();
  request = StartOf("line", "u");
  *request.add_more() = requests[0].batch();
  ASSERT_TRUE(early.Write(request));
  EXPECT_THAT(early.Finish().fields, ElementsAre("more"));
  EXPECT_EQ(Get("line").step(), 0);
}

TEST_F(TrainTest, AnUpdateThatWouldNotBeFiniteNamesItsSequence) {
  TrainStream stream = Begin("s");
  ASSERT_TRUE(stream.Write(BatchOf(1, LineBatch(8, 1))));
  v1::Batch huge;
  *huge.mutable_inputs() = Floats({1, 2}, {3e38f, 3e38f});
  *huge.mutable_targets() = Floats({1, 1}, {3e38f});
  ASSERT_TRUE(stream.Write(BatchOf(2, huge)));
  const CallStatus status = stream.Finish();
  EXPECT_EQ(status.code, StatusCode::kFailedPrecondition) << status;
  EXPECT_EQ(status.reason, "NON_FINITE_UPDATE");
  EXPECT_EQ(status.metadata.at("sequence"), "2");
  EXPECT_EQ(Get("line").step(), 1);
}

TEST_F(TrainTest, TheFirstMessageMustBeStart) {
  TrainStream stream = client_->Train();
  stream.Write(BatchOf(1, LineBatch(8, 1)));
  EXPECT_EQ(stream.Finish().code, StatusCode::kInvalidArgument);

  TrainStream empty = client_->Train();
  empty.HalfClose();
  EXPECT_EQ(empty.Finish().code, StatusCode::kInvalidArgument);

  TrainStream twice = Begin("s");
  twice.Write(StartOf("line", "s"));
  const CallStatus status = twice.Finish();
  EXPECT_EQ(status.code, StatusCode::kInvalidArgument) << status;
}

TEST_F(TrainTest, ABadStartIsRefused) {
  TrainStream unknown = client_->Train();
  unknown.Write(StartOf("nobody", "s"));
  EXPECT_EQ(unknown.Finish().reason, "MODEL_NOT_FOUND");

  TrainStream unnamed = client_->Train();
  unnamed.Write(StartOf("line", ""));
  EXPECT_THAT(unnamed.Finish().fields, ElementsAre("start.session_id"));

  v1::TrainRequest start = StartOf("line", "s");
  start.mutable_start()->set_expected_step(7);
  TrainStream elsewhere = client_->Train();
  elsewhere.Write(start);
  const CallStatus status = elsewhere.Finish();
  EXPECT_EQ(status.code, StatusCode::kAborted) << status;
  EXPECT_EQ(status.reason, "STEP_MISMATCH");
}

TEST_F(TrainTest, HalfCloseWithoutBatchesEndsWell) {
  TrainStream stream = Begin("s");
  stream.HalfClose();
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(TrainTest, TwoSessionsInterleave) {
  TrainStream first = Begin("first");
  TrainStream second = Begin("second");
  for (unsigned i = 1; i <= 20; ++i) {
    ASSERT_TRUE(first.Write(BatchOf(i, LineBatch(8, i))));
    ASSERT_TRUE(second.Write(BatchOf(i, LineBatch(8, 100 + i))));
  }
  first.HalfClose();
  second.HalfClose();
  AcksUpTo(20, &first);
  AcksUpTo(20, &second);
  EXPECT_TRUE(first.Finish().ok());
  EXPECT_TRUE(second.Finish().ok());
  EXPECT_EQ(Get("line").step(), 40);
}

TEST_F(TrainTest, ANewerStreamTakesASessionOver) {
  TrainStream older = Begin("s");
  ASSERT_TRUE(older.Write(BatchOf(1, LineBatch(8, 1))));
  AcksUpTo(1, &older);
  TrainStream newer = Begin("s");
  EXPECT_EQ(ready_.next_sequence(), 2);
  const CallStatus status = older.Finish();
  EXPECT_EQ(status.code, StatusCode::kAborted) << status;
  EXPECT_EQ(status.reason, "SESSION_TAKEN_OVER");
  ASSERT_TRUE(newer.Write(BatchOf(2, LineBatch(8, 2))));
  AcksUpTo(2, &newer);
  newer.HalfClose();
  EXPECT_TRUE(newer.Finish().ok());
}

TEST_F(TrainTest, ADeletedModelEndsItsStreams) {
  TrainStream stream = Begin("s");
  ASSERT_TRUE(client_->Call(FromText<v1::DeleteModelRequest>("name: \"line\"")).ok());
  EXPECT_EQ(stream.Finish().reason, "MODEL_NOT_FOUND");
}

// A client that writes and never reads its acks is slowed down, however much it has to send: what
// the server and the transport hold of it stays bounded.
TEST_F(TrainTest, AClientThatDoesNotReadIsHeldBack) {
  models_options_.session_window = 4;
  Restart();
  auto wide = SlowModel("wide");
  wide.mutable_model()->mutable_network()->set_input_features(512);
  Create(wide);
  TrainStream stream = Begin("s", 0, "wide");
  EXPECT_EQ(ready_.window(), 4);
  std::atomic<int> written = 0;
  std::thread writer([&] {
    for (int i = 1; i <= 100000; ++i) {
      v1::Batch batch;
      *batch.mutable_inputs() = RandomTensor({8, 512}, 1);
      *batch.mutable_targets() = RandomTensor({8, 1}, 2);
      if (!stream.Write(BatchOf(i, batch))) return;
      ++written;
    }
  });
  // It comes to a halt.
  int before = -1;
  int still = 0;
  while (still < 5) {
    absl::SleepFor(absl::Milliseconds(100));
    still = written == before ? still + 1 : 0;
    before = written;
  }
  EXPECT_LT(written, 1000);
  // And goes on when the client reads.
  while (written <= before + 100) ASSERT_TRUE(stream.Read().has_value());
  stream.Cancel();
  writer.join();
  EXPECT_EQ(stream.Finish().code, StatusCode::kCancelled);
}

TEST_F(TrainTest, TheServerHoldsNoMoreThanItsWindow) {
  models_options_.session_window = 2;
  Restart();
  Create(SlowModel("slow"));
  TrainStream stream = Begin("s", 0, "slow");
  std::thread writer([&] {
    for (int i = 1; i <= 20; ++i) EXPECT_TRUE(stream.Write(BatchOf(i, SlowBatch())));
    stream.HalfClose();
  });
  std::int64_t acknowledged = 0;
  std::int64_t most = 0;
  std::thread watcher([&] {
    while (Get("slow").step() < 20) most = std::max(most, registry_->Usage().held_items);
  });
  acknowledged = AcksUpTo(20, &stream).back().sequence();
  writer.join();
  watcher.join();
  EXPECT_TRUE(stream.Finish().ok());
  EXPECT_EQ(acknowledged, 20);
  // The watcher's own Get takes its place among the updates, and a batch is let go of just after
  // the next one may come.
  EXPECT_LE(most, 2 + 2);
}

// Over TCP: a server that shuts down cuts its in-process channels at once.
TEST_F(TrainTest, ADrainAcknowledgesWhatIsHeldAndEndsTheStream) {
  RestartOnPort();
  Create(SlowModel("slow"));
  TrainStream stream = Begin("s", 0, "slow");
  for (int i = 1; i <= 10; ++i) ASSERT_TRUE(stream.Write(BatchOf(i, SlowBatch())));
  ASSERT_TRUE(stream.Read().has_value());
  std::thread drain([&] { EXPECT_TRUE(server_->Drain(absl::Now() + absl::Seconds(60))); });
  std::int64_t acknowledged = 1;
  while (const auto response = stream.Read()) {
    EXPECT_EQ(response->ack().sequence(), acknowledged + 1);
    acknowledged = response->ack().sequence();
  }
  const CallStatus status = stream.Finish();
  EXPECT_EQ(status.code, StatusCode::kUnavailable) << status;
  EXPECT_EQ(status.reason, "DRAINING");
  EXPECT_GT(status.retry_delay, absl::ZeroDuration());
  drain.join();
  // Nothing was applied that was not acknowledged.
  const auto model = registry_->Find("slow");
  ASSERT_TRUE(model.ok());
  EXPECT_EQ((*model)->Describe().step, acknowledged);
}

TEST_F(TrainTest, AStreamThatDoesNotEndIsCancelledAtTheDrainsDeadline) {
  // Without a first message there is no session that could be asked to end.
  TrainStream idle = client_->Train();
  // The server has taken it when it answers one that came later.
  TrainStream later = client_->Train();
  ASSERT_TRUE(later.Write(StartOf("line", "s")));
  ASSERT_TRUE(later.Read()->has_ready());
  EXPECT_FALSE(server_->Drain(absl::Now() + absl::Milliseconds(50)));
  EXPECT_FALSE(idle.Finish().ok());
}

TEST_F(TrainTest, AStreamsDeadlineEndsIt) {
  TrainStream stream = client_->Train({.timeout = absl::Milliseconds(200)});
  ASSERT_TRUE(stream.Write(StartOf("line", "s")));
  EXPECT_EQ(stream.Finish().code, StatusCode::kDeadlineExceeded);
  TrainStream next = Begin("s");
  EXPECT_EQ(ready_.next_sequence(), 1);
}

}  // namespace
}  // namespace descent::testing
