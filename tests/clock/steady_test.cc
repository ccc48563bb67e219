#include "clock/steady.h"

#include <thread>

#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

TEST(SteadyClockTest, GoesForwardAndIsNoTimeOfDay) {
  const absl::Time before = SteadyNow();
  absl::SleepFor(absl::Milliseconds(2));
  EXPECT_GE(SteadyNow() - before, absl::Milliseconds(2));
  EXPECT_LT(SteadyNow(), absl::Now() - absl::Hours(24 * 365));
}

TEST(SteadyClockTest, ATimeOfDayIsConvertedByWhatIsLeftUntilThen) {
  const absl::Time steady = ToSteady(absl::Now() + absl::Hours(1));
  EXPECT_LE(steady - SteadyNow(), absl::Hours(1) + absl::Milliseconds(1));
  EXPECT_GT(steady - SteadyNow(), absl::Minutes(59));
  const absl::Time back = absl::FromChrono(ToSystemClock(steady));
  EXPECT_GT(back - absl::Now(), absl::Minutes(59));
  EXPECT_LE(back - absl::Now(), absl::Hours(1) + absl::Milliseconds(1));
}

TEST(SteadyClockTest, InfinityStaysWhatItIs) {
  EXPECT_EQ(ToSteady(absl::InfiniteFuture()), absl::InfiniteFuture());
  EXPECT_EQ(ToSteady(absl::InfinitePast()), absl::InfinitePast());
  EXPECT_EQ(ToSteady(std::chrono::system_clock::time_point::max()), absl::InfiniteFuture());
  EXPECT_EQ(ToSystemClock(absl::InfiniteFuture()), std::chrono::system_clock::time_point::max());
}

TEST(SteadyCondVarTest, WaitsUntilTheDeadline) {
  absl::Mutex mutex;
  SteadyCondVar condition;
  const absl::MutexLock lock(&mutex);
  const absl::Time deadline = SteadyNow() + absl::Milliseconds(20);
  while (!condition.WaitUntil(&mutex, deadline)) {
  }
  EXPECT_GE(SteadyNow(), deadline);
  EXPECT_TRUE(condition.WaitUntil(&mutex, absl::InfinitePast()));
}

TEST(SteadyCondVarTest, ASignalEndsAWaitWithoutEnd) {
  absl::Mutex mutex;
  SteadyCondVar condition;
  bool said = false;
  std::thread speaker([&] {
    const absl::MutexLock lock(&mutex);
    said = true;
    condition.SignalAll();
  });
  {
    const absl::MutexLock lock(&mutex);
    while (!said) condition.WaitUntil(&mutex, absl::InfiniteFuture());
  }
  speaker.join();
  EXPECT_TRUE(said);
}

}  // namespace
}  // namespace descent
