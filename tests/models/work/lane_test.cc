#include "server/models/work/lane.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/models/work/executor.h"

namespace descent::models {
namespace {

TEST(ExecutorTest, RunsWhatWasPostedBeforeItGoes) {
  std::atomic<int> runs{0};
  {
    Executor executor("test", 3);
    for (int i = 0; i < 1000; ++i) executor.Post([&] { ++runs; });
  }
  EXPECT_EQ(runs, 1000);
}

TEST(LaneTest, RunsTasksInOrderAndOneAtATime) {
  constexpr int kTasks = 2000;
  Executor executor("test", 4);
  Lane lane(&executor);
  std::vector<int> order;  // not guarded: the lane is
  absl::BlockingCounter done(kTasks);
  for (int i = 0; i < kTasks; ++i) {
    const auto task = [&, i] {
      order.push_back(i);
      done.DecrementCount();
    };
    // However a task comes in, it comes behind those before it.
    if (i % 3 == 0) {
      lane.RunOrPost(task);
    } else {
      lane.Post(task);
    }
  }
  done.Wait();
  ASSERT_EQ(order.size(), kTasks);
  for (int i = 0; i < kTasks; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(LaneTest, TasksFromManyThreadsNeverOverlap) {
  constexpr int kThreads = 4;
  constexpr int kTasks = 500;
  Executor executor("test", 2);
  Lane lane(&executor);
  int count = 0;  // not guarded: the lane is
  absl::BlockingCounter done(kThreads * kTasks);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kTasks; ++i) {
        lane.RunOrPost([&] {
          ++count;
          done.DecrementCount();
        });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  done.Wait();
  EXPECT_EQ(count, kThreads * kTasks);
}

TEST(LaneTest, RunsOnTheCallingThreadWhenIdle) {
  Executor executor("test", 1);
  Lane lane(&executor);
  std::thread::id ran_on;
  lane.RunOrPost([&] { ran_on = std::this_thread::get_id(); });
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST(LaneTest, DoesNotRunATaskInsideAnother) {
  Executor executor("test", 1);
  Lane lane(&executor);
  std::atomic<bool> outer_is_over{false};
  absl::Notification inner_ran;
  lane.RunOrPost([&] {
    lane.RunOrPost([&] {
      EXPECT_TRUE(outer_is_over);
      inner_ran.Notify();
    });
    outer_is_over = true;
  });
  inner_ran.WaitForNotification();
}

TEST(LaneTest, OneLaneDoesNotKeepTheThreadFromAnother) {
  Executor executor("test", 1);
  Lane busy(&executor);
  Lane other(&executor);
  std::atomic<bool> other_ran{false};
  absl::Notification over;
  // The busy lane always has a next task, until the other one had its turn.
  std::function<void()> again = [&] {
    if (other_ran) {
      over.Notify();
    } else {
      busy.Post([&] { again(); });
    }
  };
  busy.Post([&] { again(); });
  other.Post([&] { other_ran = true; });
  EXPECT_TRUE(over.WaitForNotificationWithTimeout(absl::Seconds(30)));
}

TEST(LaneTest, MayBeDestroyedByItsOwnTask) {
  Executor executor("test", 2);
  for (int i = 0; i < 200; ++i) {
    auto lane = std::make_shared<Lane>(&executor);
    absl::Notification last_ran;
    lane->Post([lane] {});
    lane->Post([lane, &last_ran] { last_ran.Notify(); });
    lane.reset();
    last_ran.WaitForNotification();
  }
}

}  // namespace
}  // namespace descent::models
