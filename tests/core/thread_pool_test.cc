#include "core/thread_pool.h"

#include <atomic>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace descent {
namespace {

TEST(ThreadPoolTest, RunsEveryTaskOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (const std::int64_t tasks : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(tasks));
      pool.ParallelFor(tasks, [&](std::int64_t i) { ++runs[static_cast<std::size_t>(i)]; });
      for (const std::atomic<int>& count : runs) EXPECT_EQ(count.load(), 1);
    }
  }
}

TEST(ThreadPoolTest, WhatTasksWroteIsSeenWhenParallelForReturns) {
  ThreadPool pool(4);
  for (int round = 0; round < 200; ++round) {
    std::vector<int> plain(64, 0);
    pool.ParallelFor(64, [&](std::int64_t i) { plain[static_cast<std::size_t>(i)] = round; });
    EXPECT_EQ(plain, std::vector<int>(64, round));
  }
}

TEST(ThreadPoolTest, ThreadsCallWhatIsBetweenTasksBeforeEach) {
  for (const int threads : {1, 3}) {
    const ThreadPool owner(threads);
    thread_local std::int64_t between = 0;
    std::atomic<std::int64_t> tasks_without{0};
    ThreadPool pool(owner, [] { ++between; });
    EXPECT_EQ(pool.threads(), threads);
    for (const std::int64_t tasks : {1, 100}) {
      pool.ParallelFor(tasks, [&](std::int64_t) {
        if (between == 0) ++tasks_without;
        between = 0;
      });
    }
    EXPECT_EQ(tasks_without.load(), 0);
  }
}

TEST(ThreadPoolTest, SharedThreadsOutliveThePoolThatMadeThem) {
  auto owner = std::make_unique<ThreadPool>(3);
  ThreadPool pool(*owner, [] {});
  owner = nullptr;
  std::atomic<std::int64_t> sum{0};
  pool.ParallelFor(100, [&](std::int64_t i) { sum += i; });
  EXPECT_EQ(sum.load(), 4950);
}

TEST(ThreadPoolTest, WhatATaskThrowsComesToTheCallerAndThePoolGoesOn) {
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 100; ++round) {
      EXPECT_THROW(pool.ParallelFor(20,
                                    [&](std::int64_t i) {
                                      if (i % 7 == round % 7) throw std::bad_alloc();
                                    }),
                   std::bad_alloc);
      std::atomic<std::int64_t> sum{0};
      pool.ParallelFor(20, [&](std::int64_t i) { sum += i; });
      EXPECT_EQ(sum.load(), 190);
    }
  }
}

TEST(ThreadPoolTest, ServesSeveralCallersAtOnce) {
  ThreadPool pool(3);
  std::atomic<std::int64_t> sum{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        pool.ParallelFor(20, [&](std::int64_t i) { sum += i; });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum.load(), 4 * 50 * 190);
}

}  // namespace
}  // namespace descent
