// A warm training step allocates nothing. This program counts every allocation of the process.

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include "core/trainer.h"
#include "gtest/gtest.h"
#include "tests/support/random_network.h"

namespace {

std::atomic<std::int64_t> allocations{0};

void* Count(void* memory) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

}  // namespace

// operator new, and what Buffer calls. Both are this program's for its libraries too.
void* operator new(std::size_t size) { return Count(std::malloc(size)); }
void* operator new[](std::size_t size) { return Count(std::malloc(size)); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return Count(memalign(alignment, size));
}

namespace descent {
namespace {

using ::descent::testing::DenseNetwork;
using ::descent::testing::MakeNetwork;
using ::descent::testing::RandomBatch;

TEST(AllocationTest, TheCounterCounts) {
  const std::int64_t before = allocations.load();
  const Buffer buffer(DataType::kFloat32, 10);
  const std::vector<int> numbers(10);
  EXPECT_EQ(buffer.size(), static_cast<std::int64_t>(numbers.size()));
  EXPECT_EQ(allocations.load() - before, 2);
}

TEST(AllocationTest, AWarmStepAllocatesNothing) {
  const OptimizerOptions algorithms[] = {SgdOptions{.momentum = 0.9}, AdamOptions{},
                                         NadamOptions{}};
  for (const OptimizerOptions& algorithm : algorithms) {
    for (const std::int64_t width : {64, 512}) {
      const NetworkSpec spec = DenseNetwork(13, {width, width, 10}, ReluActivation{},
                                            SoftmaxCrossEntropyLoss{}, DataType::kFloat32);
      OptimizerSpec optimizer;
      optimizer.learning_rate = 1e-3;
      optimizer.algorithm = algorithm;
      ThreadPool pool(2);
      const auto trainer = *Trainer::Create(MakeNetwork(spec), optimizer, &pool);
      const Batch batch = RandomBatch(spec, 128, 1);
      const Batch smaller = RandomBatch(spec, 50, 2);
      // Warm: every thread of the pool must have met every product.
      for (int i = 0; i < 50; ++i) ASSERT_TRUE(trainer->Step(batch).ok());
      std::int64_t fewest = 1;
      for (int round = 0; round < 5 && fewest > 0; ++round) {
        const std::int64_t before = allocations.load();
        for (int i = 0; i < 5; ++i) {
          EXPECT_TRUE(trainer->Step(batch).ok());
          EXPECT_TRUE(trainer->Step(smaller).ok());
        }
        fewest = std::min(fewest, allocations.load() - before);
      }
      EXPECT_EQ(fewest, 0);
    }
  }
}

}  // namespace
}  // namespace descent
