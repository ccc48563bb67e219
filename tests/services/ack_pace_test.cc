#include "server/services/ack_pace.h"

#include <gtest/gtest.h>

#include "absl/time/time.h"

namespace descent::services {
namespace {

// A client's stream as the pace sees it, on a clock of its own.
class Stream {
 public:
  // Batches of a client that does not wait, so far apart.
  void Burst(int batches, absl::Duration apart) {
    for (int i = 0; i < batches; ++i) {
      now_ += apart;
      Batch();
      if (!pace_.gathers()) continue;
      if (++held_ < AckPace::kMostGathered) continue;
      pace_.OnGatheredAll();
      held_ = 0;
    }
  }

  // Nothing more comes for a while: what was held back leaves. It says that the client waited if
  // nothing came behind the first that was held.
  void Pause() {
    if (held_ == 1) pace_.OnNoBatch();
    held_ = 0;
    now_ += absl::Milliseconds(10);
  }

  // Batches of a client that waits for each acknowledgement, which takes so long both ways. Returns
  // how often it was kept waiting.
  int OneByOne(int batches, absl::Duration round_trip) {
    int held_back = 0;
    for (int i = 0; i < batches; ++i) {
      now_ += round_trip;
      Batch();
      if (!pace_.gathers()) continue;
      ++held_back;
      now_ += absl::Milliseconds(2);
      pace_.OnNoBatch();
    }
    return held_back;
  }

  bool gathers() const { return pace_.gathers(); }

 private:
  void Batch() { pace_.OnBatch(now_); }

  AckPace pace_;
  absl::Time now_ = absl::UnixEpoch();
  int held_ = 0;
};

TEST(AckPaceTest, TheFirstBatchesAreAcknowledgedAtOnce) {
  Stream stream;
  stream.Burst(AckPace::kMostGathered, absl::Microseconds(1));
  EXPECT_FALSE(stream.gathers());
  stream.Burst(1, absl::Microseconds(1));
  EXPECT_TRUE(stream.gathers());
}

// On a slow machine batches that follow each other without a pause are 40 microseconds and more
// apart, since each acknowledgement that is sent by itself costs that much.
TEST(AckPaceTest, SlowMachinesGatherToo) {
  for (const int apart : {1, 10, 39, 41, 60, 100, 190}) {
    Stream stream;
    stream.Burst(1000, absl::Microseconds(apart));
    EXPECT_TRUE(stream.gathers()) << apart << " us apart";
  }
}

TEST(AckPaceTest, SlowStreamsAreAcknowledgedAtOnce) {
  Stream stream;
  stream.Burst(1000, absl::Microseconds(201));
  EXPECT_FALSE(stream.gathers());
}

TEST(AckPaceTest, AClientThatWaitsForEachIsKeptWaitingAFewTimesAtMost) {
  for (const int round_trip : {5, 10, 20, 40, 80, 150, 199, 200, 1000}) {
    Stream stream;
    EXPECT_LE(stream.OneByOne(100'000, absl::Microseconds(round_trip)), 6) << round_trip << " us";
  }
}

TEST(AckPaceTest, BurstsAreGatheredForEver) {
  Stream stream;
  for (int burst = 0; burst < 1000; ++burst) {
    stream.Burst(33 + burst % 500, absl::Microseconds(60));
    stream.Pause();
  }
  stream.Burst(200, absl::Microseconds(60));
  EXPECT_TRUE(stream.gathers());
}

TEST(AckPaceTest, AClientThatNoLongerWaitsIsGatheredAgain) {
  Stream stream;
  stream.OneByOne(1000, absl::Microseconds(30));
  stream.Burst(1000, absl::Microseconds(10));
  EXPECT_TRUE(stream.gathers());
  stream.Burst(1000, absl::Microseconds(60));
  EXPECT_TRUE(stream.gathers());
}

}  // namespace
}  // namespace descent::services
