// Who has a thread next.

#include "server/models/work/fair_queue.h"

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/models/work/executor.h"
#include "server/models/work/lane.h"

namespace descent::models {
namespace {

using ::testing::ElementsAre;

constexpr MultiplyAdds kLong = 1e10;
constexpr MultiplyAdds kBrief = 1e6;

class FairQueueTest : public ::testing::Test {
 protected:
  void Push(const std::string& name, const void* owner, MultiplyAdds cost,
            std::uint64_t caller = 0) {
    queue_.Push([this, name] { order_.push_back(name); }, {owner, cost, caller});
  }
  void RunOne() { std::move(queue_.Pop().task)(); }
  std::vector<std::string> RunAll() {
    while (!queue_.empty()) RunOne();
    return order_;
  }

  const int a_ = 0;
  const int b_ = 0;
  FairQueue queue_;
  std::vector<std::string> order_;
};

TEST_F(FairQueueTest, KeepsTheOrderOfOneModelsEqualTasks) {
  for (const char* name : {"1", "2", "3"}) Push(name, &a_, kLong);
  EXPECT_THAT(RunAll(), ElementsAre("1", "2", "3"));
}

TEST_F(FairQueueTest, TakesTurnsBetweenModels) {
  for (const char* name : {"a1", "a2", "a3"}) Push(name, &a_, kLong);
  for (const char* name : {"b1", "b2"}) Push(name, &b_, kLong);
  EXPECT_THAT(RunAll(), ElementsAre("a1", "b1", "a2", "b2", "a3"));
}

TEST_F(FairQueueTest, TakesTurnsBetweenTheCallersOfAModel) {
  for (const char* name : {"x1", "x2", "x3", "x4"}) Push(name, &a_, kLong, 1);
  RunOne();
  for (const char* name : {"y1", "y2"}) Push(name, &a_, kLong, 2);
  EXPECT_THAT(RunAll(), ElementsAre("x1", "x2", "y1", "x3", "y2", "x4"));
}

// Or whoever has many connections would have as many shares.
TEST_F(FairQueueTest, AModelWithManyCallersGetsNoMoreThanOthers) {
  for (const char* name : {"a1", "a2", "a3"}) Push(name, &a_, kLong, name[1]);
  Push("b", &b_, kLong, 7);
  EXPECT_THAT(RunAll(), ElementsAre("a1", "b", "a2", "a3"));
}

TEST_F(FairQueueTest, AModelsShortTaskDoesNotStandBehindItsLongOnes) {
  for (const char* name : {"a1", "a2", "a3"}) Push(name, &a_, kLong);
  RunOne();
  Push("short", &a_, kBrief);
  EXPECT_THAT(RunAll(), ElementsAre("a1", "short", "a2", "a3"));
}

TEST_F(FairQueueTest, ShortTasksWithoutEndDoNotHoldUpALongOneForEver) {
  Push("long", &a_, 100 * kBrief);
  Push("short", &b_, kBrief);
  int short_ones = 0;
  while (order_.empty() || order_.back() != "long") {
    Push("short", &b_, kBrief);
    RunOne();
    ASSERT_LT(++short_ones, 150);
  }
  EXPECT_GT(short_ones, 50);
}

TEST_F(FairQueueTest, PopsWhatIsCheaperAlone) {
  Push("long", &a_, kLong);
  EXPECT_FALSE(queue_.PopCheaper(kLong / 8).has_value());
  Push("short", &b_, kBrief);
  auto cheaper = queue_.PopCheaper(kLong / 8);
  ASSERT_TRUE(cheaper.has_value());
  std::move(cheaper->task)();
  EXPECT_THAT(RunAll(), ElementsAre("short", "long"));
}

TEST(ExecutorTest, ALongTaskRunsShortOnesBetweenItsPieces) {
  Executor executor("test", 1);
  absl::Notification begun;
  absl::Notification brief_has_run;
  absl::Notification done;
  std::atomic<bool> heavier_has_run{false};
  executor.Post(
      [&] {
        begun.Notify();
        // No longer one takes its place.
        while (!brief_has_run.HasBeenNotified()) executor.GiveWay();
        for (int i = 0; i < 100; ++i) executor.GiveWay();
        EXPECT_FALSE(heavier_has_run);
      },
      {.cost = kLong});
  begun.WaitForNotification();
  executor.Post(
      [&] {
        heavier_has_run = true;
        done.Notify();
      },
      {.cost = kLong / 2});
  executor.Post([&] { brief_has_run.Notify(); }, {.cost = kLong / 100});
  done.WaitForNotification();
}

TEST(ExecutorTest, AShortTaskRunsThoughEveryThreadIsInALongOne) {
  absl::Notification brief_has_run;
  absl::BlockingCounter begun(2);
  Executor executor("test", 2, /*relief=*/true);
  for (int i = 0; i < 2; ++i) {
    executor.Post(
        [&] {
          begun.DecrementCount();
          brief_has_run.WaitForNotification();  // gives way to nobody
        },
        {.cost = kLong});
  }
  begun.Wait();
  executor.Post([&] { brief_has_run.Notify(); }, {.cost = kBrief});
  EXPECT_TRUE(brief_has_run.WaitForNotificationWithTimeout(absl::Minutes(1)));
}

TEST(ExecutorTest, GivingWayOutsideItsThreadsDoesNothing) {
  absl::Notification release;
  std::atomic<bool> ran{false};
  Executor executor("test", 1);
  executor.Post([&] { release.WaitForNotification(); }, {.cost = kLong});
  executor.Post([&] { ran = true; }, {.cost = kLong});
  executor.GiveWay();
  EXPECT_FALSE(ran);
  release.Notify();
}

TEST(LaneTest, LetsAnotherLaneInBetweenItsLongTasks) {
  Executor executor("test", 1);
  Lane heavy(&executor);
  Lane light(&executor);
  std::vector<int> order;  // not guarded: one thread runs them all
  absl::Notification release;
  absl::Notification done;
  heavy.Post([&] { release.WaitForNotification(); }, kLong);
  for (int i = 0; i < 5; ++i) heavy.Post([&] { order.push_back(1); }, kLong);
  light.Post([&] { order.push_back(2); }, kLong / 4);
  heavy.Post([&] { done.Notify(); });
  release.Notify();
  done.WaitForNotification();
  EXPECT_THAT(order, ElementsAre(2, 1, 1, 1, 1, 1));
}

}  // namespace
}  // namespace descent::models
