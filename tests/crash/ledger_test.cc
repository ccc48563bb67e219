// The ledger takes what a correct server may do, and nothing else.

#include "tests/crash/ledger.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/random_network.h"
#include "tests/support/status_matchers.h"

namespace descent::crash {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

const NetworkSpec& Spec() {
  static const auto& spec = *new NetworkSpec(testing::DenseNetwork(
      3, {4, 1}, TanhActivation{}, MeanSquaredErrorLoss{}, DataType::kFloat32));
  return spec;
}

std::unique_ptr<Trainer> NewTrainer() {
  OptimizerSpec optimizer;
  optimizer.learning_rate = 0.01;
  optimizer.algorithm = AdamOptions{};
  return *Trainer::Create(testing::MakeNetwork(Spec()), optimizer, nullptr);
}

Batch BatchOf(const SourceUpdate& update) {
  return testing::RandomBatch(
      Spec(), 2,
      std::hash<std::string>()(update.source) + static_cast<std::uint64_t>(update.number));
}

std::uint64_t HashAfter(const std::vector<SourceUpdate>& updates) {
  const auto trainer = NewTrainer();
  for (const SourceUpdate& update : updates) EXPECT_THAT(trainer->Step(BatchOf(update)), IsOk());
  return trainer->StateHash();
}

class LedgerTest : public ::testing::Test {
 protected:
  // Sends `count` more of the source.
  void Send(const std::string& source, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) ledger_.AddSent({source, ledger_.Sent(source) + 1});
  }

  Ledger ledger_{NewTrainer(), BatchOf};
};

TEST_F(LedgerTest, TakesAPrefixOfWhatWasSent) {
  Send("a", 3);
  EXPECT_THAT(ledger_.AddAcknowledged({"a", 1}, 1), IsOk());
  EXPECT_THAT(ledger_.CheckRecovered(2, HashAfter({{"a", 1}, {"a", 2}}), {{"a", 2}}), IsOk());
  EXPECT_EQ(ledger_.Acknowledged("a"), 2);
  EXPECT_EQ(ledger_.Sent("a"), 2);
  Send("a", 1);
  EXPECT_THAT(ledger_.AddAcknowledged({"a", 3}, 3), IsOk());
}

TEST_F(LedgerTest, FindsTheOrderOfWhatWasNotAcknowledged) {
  Send("a", 3);
  Send("b", 4);
  EXPECT_THAT(ledger_.AddAcknowledged({"b", 1}, 2), IsOk());
  const std::vector<SourceUpdate> order = {{"a", 1}, {"b", 1}, {"b", 2}, {"b", 3},
                                           {"a", 2}, {"b", 4}, {"a", 3}};
  EXPECT_THAT(ledger_.CheckRecovered(7, HashAfter(order), {{"a", 3}, {"b", 4}}), IsOk());
  EXPECT_EQ(ledger_.step(), 7);
}

TEST_F(LedgerTest, HoldsToTheOrderThatWasAcknowledged) {
  Send("a", 2);
  Send("b", 1);
  EXPECT_THAT(ledger_.AddAcknowledged({"b", 1}, 3), IsOk());
  EXPECT_THAT(
      ledger_.CheckRecovered(3, HashAfter({{"b", 1}, {"a", 1}, {"a", 2}}), {{"a", 2}, {"b", 1}}),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no order")));
}

TEST_F(LedgerTest, FindsALoss) {
  Send("a", 2);
  EXPECT_THAT(ledger_.AddAcknowledged({"a", 1}, 1), IsOk());
  EXPECT_THAT(ledger_.AddAcknowledged({"a", 2}, 2), IsOk());
  EXPECT_THAT(ledger_.CheckRecovered(1, HashAfter({{"a", 1}}), {{"a", 1}}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("came back 1; acknowledged 2")));
}

TEST_F(LedgerTest, FindsWhatWasAppliedTwice) {
  Send("a", 2);
  EXPECT_THAT(ledger_.CheckRecovered(3, HashAfter({{"a", 1}, {"a", 2}, {"a", 2}}), {{"a", 2}}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("at step 3 with 2 updates")));
  EXPECT_THAT(ledger_.CheckRecovered(2, HashAfter({{"a", 2}, {"a", 2}}), {{"a", 2}}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no order")));
  EXPECT_EQ(ledger_.step(), 0);
  EXPECT_THAT(ledger_.AddAcknowledged({"a", 1}, 1), IsOk());
  EXPECT_THAT(ledger_.AddAcknowledged({"a", 2}, 1),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("step 1 was")));
}

TEST_F(LedgerTest, FindsWhatNobodySent) {
  Send("a", 1);
  EXPECT_THAT(ledger_.CheckRecovered(2, HashAfter({{"a", 1}, {"a", 2}}), {{"a", 2}}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("came back 2")));
  EXPECT_THAT(ledger_.AddAcknowledged({"a", 2}, 2),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("not sent")));
}

TEST_F(LedgerTest, ComparesCheckpointsWithTheirStep) {
  Send("a", 3);
  ledger_.AddCheckpoint(1, HashAfter({{"a", 1}}));
  ledger_.AddCheckpoint(2, HashAfter({{"a", 1}}));
  EXPECT_THAT(ledger_.CheckRecovered(1, HashAfter({{"a", 1}}), {{"a", 1}}), IsOk());
  Send("a", 1);
  EXPECT_THAT(ledger_.CheckRecovered(2, HashAfter({{"a", 1}, {"a", 2}}), {{"a", 2}}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("checkpoint of step 2")));
}

}  // namespace
}  // namespace descent::crash
