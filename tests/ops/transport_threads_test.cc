#include "server/ops/transport_threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "clock/steady.h"

namespace descent::ops {
namespace {

constexpr absl::Duration kLong = absl::Milliseconds(1);
constexpr absl::Duration kShort = absl::Microseconds(100);

// Some that come and rest, as often as they may go on.
class Threads {
 public:
  Threads(TransportThreads* all, int count) : all_(*all) {
    for (int i = 0; i < count; ++i) {
      all_.Join();
      threads_.emplace_back([this] {
        while (!over_) {
          all_.Rest();
          all_.BeginWait();
          absl::SleepFor(absl::Microseconds(100));
          all_.EndWait();
        }
        all_.Leave();
      });
    }
  }

  ~Threads() {
    over_ = true;
    all_.End();
    for (std::thread& thread : threads_) thread.join();
  }

  // Waits until so many work, and sees that they still do a moment later.
  void ExpectWorking(int count) {
    while (all_.working() != count) absl::SleepFor(absl::Milliseconds(1));
    absl::SleepFor(absl::Milliseconds(20));
    EXPECT_EQ(all_.working(), count);
  }

 private:
  TransportThreads& all_;
  std::atomic<bool> over_ = false;
  std::vector<std::thread> threads_;
};

TEST(TransportThreadsTest, OneWorksAndOthersRest) {
  TransportThreads all(/*most_busy=*/2);
  Threads threads(&all, 4);
  threads.ExpectWorking(1);
}

TEST(TransportThreadsTest, ALongTurnBringsASecondThreadEvenWhereOneIsHalfTheCores) {
  TransportThreads all(/*most_busy=*/1);
  Threads threads(&all, 4);
  all.NoteTurn(kShort, SteadyNow());
  threads.ExpectWorking(1);
  all.NoteTurn(kLong, SteadyNow());
  threads.ExpectWorking(2);
  all.NoteTurn(kLong, SteadyNow());
  threads.ExpectWorking(2);
}

TEST(TransportThreadsTest, BusyThreadsBringOthersUpToHalfTheCores) {
  TransportThreads all(/*most_busy=*/3);
  Threads threads(&all, 4);
  for (const int expected : {2, 3, 3}) {
    all.NoteShare(1, SteadyNow());
    threads.ExpectWorking(expected);
  }
  TransportThreads alone(/*most_busy=*/1);
  Threads others(&alone, 2);
  alone.NoteShare(1, SteadyNow());
  others.ExpectWorking(1);
}

TEST(TransportThreadsTest, OneAfterAnotherRestsAgain) {
  TransportThreads all(/*most_busy=*/3);
  Threads threads(&all, 3);
  absl::Time now = SteadyNow();
  all.NoteTurn(kLong, now);
  all.NoteTurn(kLong, now);
  threads.ExpectWorking(3);
  all.NoteTurn(kShort, now + TransportThreads::kStay / 2);
  threads.ExpectWorking(3);
  // Neither a turn nor a time half full is a reason to rest.
  now += TransportThreads::kStay / 2;
  all.NoteShare(TransportThreads::kHalfBusy, now);
  all.NoteTurn(kShort, now + TransportThreads::kStay - absl::Microseconds(1));
  threads.ExpectWorking(3);
  for (const int expected : {2, 1, 1}) {
    now += TransportThreads::kStay;
    all.NoteTurn(kShort, now);
    threads.ExpectWorking(expected);
  }
}

TEST(TransportThreadsTest, WhoLeavesIsReplaced) {
  TransportThreads all(/*most_busy=*/1);
  all.Join();
  all.BeginWait();
  Threads threads(&all, 2);
  threads.ExpectWorking(1);  // ours
  all.EndWait();
  all.Leave();
  threads.ExpectWorking(1);
}

TEST(TransportThreadsTest, OneThatRestsHelpsOneThatIsStuck) {
  TransportThreads all(/*most_busy=*/1);
  all.Join();
  all.BeginWait();
  Threads threads(&all, 1);
  threads.ExpectWorking(1);
  absl::SleepFor(3 * TransportThreads::kStuck);
  EXPECT_EQ(all.working(), 1);  // it waits: nothing is to be done
  all.EndWait();
  threads.ExpectWorking(2);
  all.Leave();
}

}  // namespace
}  // namespace descent::ops
