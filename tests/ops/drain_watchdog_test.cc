#include "server/ops/drain_watchdog.h"

#include <atomic>

#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

namespace descent::ops {
namespace {

TEST(DrainWatchdogTest, EndsADrainThatDoesNot) {
  absl::Notification ended;
  DrainWatchdog watchdog([&] { ended.Notify(); });
  watchdog.Start(absl::Milliseconds(1));
  ended.WaitForNotification();
}

TEST(DrainWatchdogTest, LeavesOneThatEndsAlone) {
  std::atomic<bool> ended = false;
  {
    DrainWatchdog watchdog([&] { ended = true; });
    watchdog.Start(absl::Hours(1));
  }
  {
    const DrainWatchdog never_started([&] { ended = true; });
  }
  EXPECT_FALSE(ended);
}

}  // namespace
}  // namespace descent::ops
