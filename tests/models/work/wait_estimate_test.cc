#include "server/models/work/wait_estimate.h"

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace descent::models {
namespace {

// A queue that is served while the test's clock runs.
class ServedQueue {
 public:
  // `pieces` end together every `interval`, `times` times.
  void Serve(int times, absl::Duration interval, int pieces = 1) {
    for (int i = 0; i < times; ++i) {
      now_ += interval;
      for (int j = 0; j < pieces; ++j) estimate_.NoteEnd(now_);
    }
  }
  void Begin() { estimate_.NoteBegin(now_); }
  void Pass(absl::Duration time) { now_ += time; }

  double Milliseconds(int items) const {
    return absl::ToDoubleMilliseconds(estimate_.Wait(items, now_));
  }

 private:
  absl::Time now_ = absl::UnixEpoch();
  WaitEstimate estimate_;
};

TEST(WaitEstimateTest, IsZeroBeforeAnythingHasEnded) {
  ServedQueue queue;
  queue.Begin();
  queue.Pass(absl::Seconds(5));
  EXPECT_EQ(queue.Milliseconds(1000), 0);
}

TEST(WaitEstimateTest, IsTheTimeBetweenEndsForEachPiece) {
  ServedQueue queue;
  queue.Begin();
  queue.Serve(100, absl::Milliseconds(4));
  EXPECT_NEAR(queue.Milliseconds(1), 4, 0.01);
  EXPECT_NEAR(queue.Milliseconds(25), 100, 0.1);
}

TEST(WaitEstimateTest, TakesPiecesThatEndTogetherForFasterOnes) {
  ServedQueue queue;
  queue.Begin();
  queue.Serve(100, absl::Milliseconds(8), /*pieces=*/32);
  EXPECT_NEAR(queue.Milliseconds(32), 8, 1);
}

TEST(WaitEstimateTest, KnowsPiecesThatAreSlowerThanItRemembers) {
  ServedQueue queue;
  queue.Begin();
  queue.Serve(2, absl::Seconds(3));
  EXPECT_NEAR(queue.Milliseconds(2), 6000, 1);
}

TEST(WaitEstimateTest, DoesNotCountTimesWithNothingToDo) {
  ServedQueue queue;
  queue.Begin();
  queue.Serve(100, absl::Milliseconds(2));
  queue.Pass(absl::Hours(1));
  queue.Begin();
  EXPECT_NEAR(queue.Milliseconds(10), 20, 0.1);
}

TEST(WaitEstimateTest, FollowsAChangeOfSpeed) {
  ServedQueue queue;
  queue.Begin();
  queue.Serve(1000, absl::Milliseconds(1));
  queue.Serve(50, absl::Milliseconds(10));
  EXPECT_NEAR(queue.Milliseconds(10), 100, 10);
  queue.Serve(500, absl::Milliseconds(1));
  EXPECT_NEAR(queue.Milliseconds(10), 10, 1);
}

TEST(WaitEstimateTest, GrowsWhileNothingEnds) {
  ServedQueue queue;
  queue.Begin();
  queue.Serve(1000, absl::Milliseconds(1));
  queue.Pass(absl::Seconds(10));
  EXPECT_GT(queue.Milliseconds(10), 500);
}

}  // namespace
}  // namespace descent::models
