// A warm training step allocates nothing. This program counts every allocation of the process.

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
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

// The fewest allocations that ten steps make, of two batches by turns, once `warm` steps have been.
std::int64_t FewestAllocations(const NetworkSpec& spec, const OptimizerOptions& algorithm,
                               int warm) {
  OptimizerSpec optimizer;
  optimizer.learning_rate = 1e-3;
  optimizer.algorithm = algorithm;
  ThreadPool pool(2);
  const auto trainer = *Trainer::Create(MakeNetwork(spec), optimizer, &pool);
  const Batch batch = RandomBatch(spec, 128, 1);
  const Batch smaller = RandomBatch(spec, 50, 2);
  for (int i = 0; i < warm; ++i) EXPECT_TRUE(trainer->Step(batch).ok());
  std::int64_t fewest = 1;
  for (int round = 0; round < 5 && fewest > 0; ++round) {
    const std::int64_t before = allocations.load();
    for (int i = 0; i < 5; ++i) {
      EXPECT_TRUE(trainer->Step(batch).ok());
      EXPECT_TRUE(trainer->Step(smaller).ok());
    }
    fewest = std::min(fewest, allocations.load() - before);
  }
  return fewest;
}

constexpr std::int64_t kWidths[] = {64, 512};
const OptimizerOptions kAlgorithms[] = {SgdOptions{.momentum = 0.9}, AdamOptions{}, NadamOptions{}};

NetworkSpec SpecOf(std::int64_t width) {
  return DenseNetwork(13, {width, width, 10}, ReluActivation{}, SoftmaxCrossEntropyLoss{},
                      DataType::kFloat32);
}

TEST(AllocationTest, AWarmStepAllocatesNothing) {
  // Every thread of the pool must have met every product.
  constexpr int kWarm = 50;
  for (const OptimizerOptions& algorithm : kAlgorithms) {
    for (const std::int64_t width : kWidths) {
      EXPECT_EQ(FewestAllocations(SpecOf(width), algorithm, kWarm), 0);
    }
  }
}

TEST(AllocationTest, AWarmStepOfTablesAllocatesNothing) {
  // As many updates must have been as are remembered.
  constexpr int kWarm = 70;
  for (const OptimizerOptions& algorithm : kAlgorithms) {
    // Few rows, of which many change at once, and so many that changes are long remembered.
    for (const std::int64_t buckets : {500, 50000}) {
      NetworkSpec spec = SpecOf(64);
      for (const Combiner combiner : {Combiner::kSum, Combiner::kMean}) {
        for (const char* const name : {"one", "bag", "weighted"}) {
          spec.categorical_inputs.push_back(
              {.name = std::string(name) + (combiner == Combiner::kMean ? "_mean" : "_sum"),
               .buckets = buckets,
               .dimension = 24,
               .combiner = combiner});
        }
      }
      EXPECT_EQ(FewestAllocations(spec, algorithm, kWarm), 0) << buckets;
    }
  }
}

}  // namespace
}  // namespace descent
