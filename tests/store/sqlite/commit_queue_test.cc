// What shares a commit, in which order it leaves, and who publishes.

#include "server/store/sqlite/commit_queue.h"

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/store_parts_fixture.h"

namespace descent::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class NumberedOperation final : public Operation {
 public:
  NumberedOperation(int number, std::size_t bytes)
      : Operation(nullptr), number_(number), bytes_(bytes) {}

  int number() const { return number_; }
  std::size_t bytes() const override { return bytes_; }
  void Finish(const absl::Status& /*outcome*/, StoreParts* /*parts*/) override {}

 private:
  const int number_;
  const std::size_t bytes_;
};

std::vector<int> NumbersOf(const CommitQueue::Batch& batch) {
  std::vector<int> numbers;
  for (const auto& operation : batch.operations) {
    numbers.push_back(static_cast<const NumberedOperation&>(*operation).number());
  }
  return numbers;
}

class CommitQueueTest : public ::testing::Test {
 protected:
  void Add(int number, std::size_t bytes = 1) {
    queue_.Add(std::make_unique<NumberedOperation>(number, bytes));
  }

  CommitQueue queue_;
};

TEST_F(CommitQueueTest, WhatHasQueuedIsOneBatchInItsOrder) {
  for (const int number : {1, 2, 3}) Add(number);
  const CommitQueue::Batch batch = queue_.Take(absl::Hours(1));
  EXPECT_THAT(NumbersOf(batch), ElementsAre(1, 2, 3));
  EXPECT_EQ(batch.bytes, 3);
  EXPECT_FALSE(batch.is_stopped);
  EXPECT_THAT(NumbersOf(queue_.TakeNow()), IsEmpty());
}

TEST_F(CommitQueueTest, ABatchIsClosedWhenItIsLarge) {
  constexpr std::size_t kLarge = std::size_t{8} << 20;
  Add(1, kLarge - 1);
  Add(2, kLarge);
  Add(3);
  EXPECT_THAT(NumbersOf(queue_.TakeNow()), ElementsAre(1, 2));
  EXPECT_THAT(NumbersOf(queue_.TakeNow()), ElementsAre(3));
}

TEST_F(CommitQueueTest, TakeEndsWhenSomethingComes) {
  std::thread other([&] { Add(1); });
  EXPECT_THAT(NumbersOf(queue_.Take(absl::InfiniteDuration())), ElementsAre(1));
  other.join();
}

TEST_F(CommitQueueTest, TakeEndsWithNothingWhenTheTimeIsOver) {
  EXPECT_THAT(NumbersOf(queue_.Take(absl::Milliseconds(1))), IsEmpty());
}

TEST_F(CommitQueueTest, StopEndsWaitingAndLosesNothing) {
  std::thread other([&] { queue_.Stop(); });
  EXPECT_TRUE(queue_.Take(absl::InfiniteDuration()).is_stopped);
  other.join();
  Add(1);
  EXPECT_THAT(NumbersOf(queue_.Take(absl::InfiniteDuration())), ElementsAre(1));
}

class PublishingTest : public StorePartsFixture {
 protected:
  // A change of the model that publishes its step.
  void Append(std::int64_t step, const std::shared_ptr<KeptModel>& model) {
    UpdateRecord record;
    record.result.step = step;
    record.update = ParametersUpdate();
    queue_.Append(std::make_unique<AppendOperation>(
        model,
        AppendOperation::Change{.record = std::move(record),
                                .position = step,
                                .before = Durability::kMemory,
                                .after = Durability::kMemory},
        [this, step](std::int64_t /*durable_step*/) { published_.push_back(step); },
        [this](const absl::StatusOr<std::int64_t>& durable_step) {
          answered_.push_back(*durable_step);
        }));
  }

  // What the store's thread does once a batch is durable.
  void Finish(CommitQueue::Batch batch) {
    for (auto& operation : batch.operations) {
      operation->Finish(absl::OkStatus(), parts_.get());
      operation.reset();
    }
  }

  CommitQueue queue_;
  std::vector<std::int64_t> published_;
  std::vector<std::int64_t> answered_;
};

TEST_F(PublishingTest, TheFirstOfABatchPublishesTheLastOfItsModel) {
  const auto model = std::make_shared<KeptModel>();
  const auto other = std::make_shared<KeptModel>();
  for (const std::int64_t step : {1, 2, 3}) Append(step, model);
  Append(100, other);
  EXPECT_EQ(model->shared.outstanding, 3);
  CommitQueue::Batch first = queue_.TakeNow();
  Append(4, model);
  CommitQueue::Batch second = queue_.TakeNow();
  ASSERT_THAT(first.operations, SizeIs(4));
  Finish(std::move(first));
  EXPECT_THAT(published_, ElementsAre(3, 100));
  EXPECT_THAT(answered_, ElementsAre(1, 2, 3, 100)) << "each call is answered for itself";
  Finish(std::move(second));
  EXPECT_THAT(published_, ElementsAre(3, 100, 4));
}

}  // namespace
}  // namespace descent::store
