#include "server/ops/busy_poll.h"

#include <gtest/gtest.h>

#include "absl/time/time.h"

namespace descent::ops {
namespace {

constexpr absl::Duration kQuestion = absl::Microseconds(1);

// A thread on a clock of its own, on which a question takes a microsecond.
class BusyPollTest : public testing::Test {
 protected:
  BusyPollTest() { poll_.NoteSpare(BusyPoll::kSpare); }

  // Polls for an event that comes so long from now. Returns how many events were found.
  int PollFor(absl::Duration event) {
    const absl::Time start = now_;
    questions_ = 0;
    return poll_.Poll(
        [&] {
          ++questions_;
          now_ += kQuestion;
          if (questions_ == kept_at_) now_ += kept_;
          return now_ - start >= event ? 1 : 0;
        },
        [&] { return now_; });
  }

  BusyPoll poll_;
  absl::Time now_ = absl::UnixEpoch();
  int questions_ = 0;
  int kept_at_ = 0;  // the question after which the processor has others' work to do, for so long
  absl::Duration kept_;
};

TEST_F(BusyPollTest, AsksUntilThereAreEvents) {
  poll_.NoteWait(BusyPoll::kMost);
  EXPECT_EQ(PollFor(10 * kQuestion), 1);
  EXPECT_EQ(questions_, 10);
}

TEST_F(BusyPollTest, StopsAskingAfterAWhile) {
  poll_.NoteWait(BusyPoll::kMost);
  EXPECT_EQ(PollFor(absl::InfiniteDuration()), 0);
  EXPECT_EQ(questions_, BusyPoll::kMost / kQuestion);
}

TEST_F(BusyPollTest, DoesNotAskAfterAWaitThatWasLonger) {
  EXPECT_EQ(PollFor(kQuestion), 0);
  poll_.NoteWait(BusyPoll::kMost + kQuestion);
  EXPECT_EQ(PollFor(kQuestion), 0);
  EXPECT_EQ(questions_, 0);
  poll_.NoteWait(BusyPoll::kMost);
  EXPECT_EQ(PollFor(kQuestion), 1);
}

TEST_F(BusyPollTest, DoesNotAskUnlessAProcessorIsIdleBesideItsOwn) {
  poll_.NoteWait(BusyPoll::kMost);
  poll_.NoteSpare(BusyPoll::kSpare - 0.01);
  EXPECT_EQ(PollFor(kQuestion), 0);
  EXPECT_EQ(questions_, 0);
  BusyPoll knows_nothing;
  knows_nothing.NoteWait(BusyPoll::kMost);
  EXPECT_EQ(knows_nothing.Poll([] { return 1; }, [] { return absl::UnixEpoch(); }), 0);
}

TEST_F(BusyPollTest, LeavesTheProcessorToOthersAHundredTimesAsLongAsItWasKeptFromIt) {
  for (const absl::Duration kept : {BusyPoll::kKept, absl::Milliseconds(3)}) {
    poll_.NoteWait(BusyPoll::kMost);
    kept_at_ = 5;
    kept_ = kept;
    EXPECT_EQ(PollFor(absl::InfiniteDuration()), 0);
    EXPECT_EQ(questions_, 5);
    kept_at_ = 0;
    now_ += BusyPoll::kRest * kept;  // a question less than it rests
    EXPECT_EQ(PollFor(kQuestion), 0);
    EXPECT_EQ(questions_, 0);
    now_ += BusyPoll::kRest * BusyPoll::kMost;
    EXPECT_EQ(PollFor(kQuestion), 1);
  }
}

TEST_F(BusyPollTest, LeavesTheProcessorToOthersAfterAnEventThatCameMeanwhileToo) {
  poll_.NoteWait(BusyPoll::kMost);
  kept_at_ = 5;
  kept_ = BusyPoll::kKept;
  EXPECT_EQ(PollFor(5 * kQuestion), 1);
  EXPECT_EQ(PollFor(kQuestion), 0);
  EXPECT_EQ(questions_, 0);
}

}  // namespace
}  // namespace descent::ops
