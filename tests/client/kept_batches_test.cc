#include "client/descent/kept_batches.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace descent::client {
namespace {

constexpr size_t kPlenty = 1 << 20;

v1::TrainRequest Request() {
  v1::TrainRequest request;
  request.mutable_batch()->mutable_batch()->mutable_inputs()->set_raw(std::string(100, 'x'));
  return request;
}

// The sequence of the next batch to send, 0 if there is none.
int64_t Next(KeptBatches& batches) {
  const auto request = batches.TakeNextToSend();
  return request == nullptr ? 0 : request->batch().sequence();
}

KeptBatches Begun(size_t max_replay_bytes, int count, int sent) {
  KeptBatches batches(max_replay_bytes);
  EXPECT_TRUE(batches.Resume(1).ok());
  for (int i = 0; i < count; ++i) batches.Append(Request());
  for (int i = 0; i < sent; ++i) batches.TakeNextToSend();
  return batches;
}

TEST(KeptBatchesTest, NumbersFromWhereTheServerBegins) {
  KeptBatches batches(kPlenty);
  ASSERT_TRUE(batches.Resume(8).ok());
  EXPECT_EQ(Next(batches), 0);
  batches.Append(Request());
  batches.Append(Request());
  EXPECT_EQ(batches.last(), 9);
  EXPECT_EQ(batches.unapplied(), 2);
  EXPECT_EQ(Next(batches), 8);
  EXPECT_EQ(Next(batches), 9);
  EXPECT_EQ(Next(batches), 0);
}

TEST(KeptBatchesTest, RefusesANumberThatNoBatchHas) {
  for (const int64_t sequence : {INT64_MIN, int64_t{-1}, int64_t{0}, INT64_MAX}) {
    KeptBatches batches(kPlenty);
    EXPECT_EQ(batches.Resume(sequence).code(), absl::StatusCode::kInternal) << sequence;
  }
  for (const int64_t sequence : {int64_t{6}, INT64_MAX}) {
    KeptBatches batches = Begun(kPlenty, 5, 5);
    EXPECT_FALSE(batches.Acknowledge(sequence, 0).ok());
    EXPECT_FALSE(batches.Acknowledge(1, sequence).ok());
    EXPECT_TRUE(batches.Acknowledge(INT64_MIN, INT64_MIN).ok());
    EXPECT_EQ(batches.applied(), 0);
  }
}

TEST(KeptBatchesTest, SendsAgainWhatTheServerDoesNotHave) {
  KeptBatches batches = Begun(kPlenty, 5, 4);
  ASSERT_TRUE(batches.Acknowledge(2, 2).ok());
  ASSERT_TRUE(batches.Resume(4).ok());
  EXPECT_EQ(batches.applied(), 3);
  EXPECT_EQ(Next(batches), 4);
  EXPECT_EQ(Next(batches), 5);
}

TEST(KeptBatchesTest, ReplaysWhatWasAppliedButNotDurable) {
  KeptBatches batches = Begun(kPlenty, 5, 5);
  ASSERT_TRUE(batches.Acknowledge(4, 1).ok());
  ASSERT_TRUE(batches.Resume(2).ok());
  EXPECT_EQ(batches.applied(), 1);
  for (int64_t sequence = 2; sequence <= 5; ++sequence) EXPECT_EQ(Next(batches), sequence);
}

TEST(KeptBatchesTest, DurableBatchesAreLetGo) {
  KeptBatches batches = Begun(kPlenty, 5, 5);
  ASSERT_TRUE(batches.Acknowledge(4, 3).ok());
  EXPECT_EQ(batches.durable(), 3);
  EXPECT_EQ(batches.Resume(3).code(), absl::StatusCode::kDataLoss);
}

TEST(KeptBatchesTest, TheOldestReplayIsLetGoWhenItTakesTooMuchRoom) {
  const size_t bytes = Request().ByteSizeLong();
  KeptBatches batches = Begun(3 * bytes, 6, 6);  // numbering makes each a little larger
  ASSERT_TRUE(batches.Acknowledge(5, 0).ok());
  EXPECT_EQ(batches.Resume(3).code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(batches.Resume(4).ok());
  EXPECT_EQ(batches.last(), 6);
}

TEST(KeptBatchesTest, UnappliedBatchesAreKeptWhateverTheyTake) {
  KeptBatches batches = Begun(0, 5, 5);
  ASSERT_TRUE(batches.Acknowledge(2, 0).ok());
  EXPECT_EQ(batches.last(), 5);
  ASSERT_TRUE(batches.Resume(3).ok());
  EXPECT_EQ(Next(batches), 3);
}

TEST(KeptBatchesTest, AServerThatBreaksTheContractIsFoundOut) {
  KeptBatches batches = Begun(kPlenty, 5, 3);
  EXPECT_EQ(batches.Acknowledge(4, 0).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(batches.Acknowledge(2, 3).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(batches.Resume(0).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(batches.Resume(7).code(), absl::StatusCode::kAborted);
}

TEST(KeptBatchesTest, RepeatedAcksChangeNothing) {
  KeptBatches batches = Begun(kPlenty, 5, 3);
  ASSERT_TRUE(batches.Acknowledge(3, 2).ok());
  ASSERT_TRUE(batches.Acknowledge(1, 1).ok());
  EXPECT_EQ(batches.applied(), 3);
  EXPECT_EQ(batches.durable(), 2);
}

}  // namespace
}  // namespace descent::client
