#include "core/snapshot.h"

#include <atomic>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace descent {
namespace {

TEST(SnapshotTest, BuffersAreRecycledOnceNoOneHoldsThem) {
  SnapshotPool pool(DataType::kFloat32, 100);
  for (std::int64_t step = 0; step < 50; ++step) {
    const Snapshot snapshot = pool.Acquire(step);
    EXPECT_EQ(snapshot.step(), step);
  }
  EXPECT_EQ(pool.buffers(), 1);
}

TEST(SnapshotTest, AHeldSnapshotKeepsItsBuffer) {
  SnapshotPool pool(DataType::kFloat64, 4);
  const Snapshot held = pool.Acquire(1);
  SnapshotPool::mutable_parameters(held)->data<double>()[0] = 17;
  for (std::int64_t step = 2; step < 10; ++step) {
    const Snapshot other = pool.Acquire(step);
    SnapshotPool::mutable_parameters(other)->data<double>()[0] = -1;
  }
  EXPECT_EQ(held.parameters().data<double>()[0], 17);
  EXPECT_EQ(held.step(), 1);
  EXPECT_EQ(pool.buffers(), 2);
}

TEST(SnapshotTest, CopiesShareMovesEmpty) {
  SnapshotPool pool(DataType::kFloat32, 4);
  Snapshot first = pool.Acquire(3);
  Snapshot copy = first;
  EXPECT_EQ(&copy.parameters(), &first.parameters());
  const Snapshot moved = std::move(first);
  EXPECT_TRUE(moved);
  copy = Snapshot();
  EXPECT_FALSE(copy);
  EXPECT_EQ(moved.step(), 3);
}

TEST(SnapshotTest, OutlivesItsPool) {
  Snapshot survivor;
  {
    SnapshotPool pool(DataType::kFloat32, 4);
    survivor = pool.Acquire(9);
    SnapshotPool::mutable_parameters(survivor)->data<float>()[3] = 5;
  }
  EXPECT_EQ(survivor.parameters().data<float>()[3], 5);
}

// A writer that publishes as fast as it can and readers that check that what they hold is whole and
// does not change under them. Run under the thread sanitizer too.
TEST(SnapshotTest, ReadersNeverSeeAChange) {
  constexpr std::int64_t kSize = 512;
  SnapshotPool pool(DataType::kFloat32, kSize);
  absl::Mutex mutex;
  Snapshot current = pool.Acquire(0);
  for (std::int64_t i = 0; i < kSize; ++i) {
    SnapshotPool::mutable_parameters(current)->data<float>()[i] = 0;
  }
  std::atomic<bool> done{false};
  std::atomic<int> torn{0};
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 3; ++reader) {
    readers.emplace_back([&] {
      while (!done) {
        Snapshot held;
        {
          const absl::MutexLock lock(&mutex);
          held = current;
        }
        for (std::int64_t i = 0; i < kSize; ++i) {
          if (held.parameters().data<float>()[i] != static_cast<float>(held.step())) ++torn;
        }
      }
    });
  }
  for (std::int64_t step = 1; step <= 2000; ++step) {
    Snapshot next = pool.Acquire(step);
    Buffer* const parameters = SnapshotPool::mutable_parameters(next);
    for (std::int64_t i = 0; i < kSize; ++i) {
      parameters->data<float>()[i] = static_cast<float>(step);
    }
    const absl::MutexLock lock(&mutex);
    std::swap(current, next);
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(torn.load(), 0);
  EXPECT_LE(pool.buffers(), 6);
}

}  // namespace
}  // namespace descent
