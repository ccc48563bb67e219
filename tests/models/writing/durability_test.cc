// Nothing is answered or shown before the store has it.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/models/manual_store.h"
#include "tests/models/recording_observer.h"
#include "tests/models/sample_models.h"
#include "tests/support/status_matchers.h"

namespace descent::models {
namespace {

using ::descent::testing::IsOk;
using ::descent::testing::RandomMatrix;
using ::descent::testing::StatusIs;
using ::testing::_;

class DurabilityTest : public ::testing::Test {
 protected:
  static constexpr absl::Duration kLong = absl::Milliseconds(50);

  Pending<StepOutcome> BeginStep(std::uint64_t seed, const std::string& request_id = "") {
    Pending<StepOutcome> pending;
    StepCommand command = StepOn(*model_->network(), seed);
    command.request = {request_id, seed};
    model_->Step(std::move(command), {}, pending.reply());
    return pending;
  }

  std::int64_t VisibleStep() {
    return Predict(*model_, RandomMatrix(DataType::kFloat32, 1, 5, 1))->step;
  }

  const std::shared_ptr<ManualCommits> commits_ = std::make_shared<ManualCommits>();
  Registry registry_{ModelsOptions{}, std::make_unique<ManualStore>(commits_)};
  const std::shared_ptr<Model> model_ = CreateModel(&registry_, "m");
};

TEST_F(DurabilityTest, AnswersAndPublishesInOrderOnceCommitted) {
  std::vector<Pending<StepOutcome>> steps;
  for (std::uint64_t seed = 0; seed < 3; ++seed) steps.push_back(BeginStep(seed));
  EXPECT_EQ(VisibleStep(), 0);
  EXPECT_EQ(model_->Describe().step, 0);
  for (std::int64_t step = 1; step <= 3; ++step) {
    EXPECT_FALSE(steps[static_cast<std::size_t>(step - 1)].HasCome());
    ASSERT_TRUE(commits_->CommitNext());
    const auto outcome = steps[static_cast<std::size_t>(step - 1)].Get();
    ASSERT_THAT(outcome, IsOk());
    EXPECT_EQ(outcome->step, step);
    EXPECT_EQ(outcome->durable_step, step);
    EXPECT_EQ(VisibleStep(), step);
    EXPECT_EQ(model_->Describe().durable_step, step);
  }
}

TEST_F(DurabilityTest, OneOfSeveralThatAreCommittedTogetherPublishesForAll) {
  std::vector<Pending<StepOutcome>> steps;
  for (std::uint64_t seed = 0; seed < 2; ++seed) steps.push_back(BeginStep(seed));
  UpdateModelCommand rename;
  rename.labels = std::map<std::string, std::string>{{"team", "search"}};
  Pending<ModelInfo> labelled;
  model_->Update(std::move(rename), {}, labelled.reply());
  steps.push_back(BeginStep(2));
  EXPECT_EQ(commits_->CommitTogether(), 2);
  for (std::int64_t step = 1; step <= 3; ++step) {
    const auto outcome = steps[static_cast<std::size_t>(step - 1)].Get();
    ASSERT_THAT(outcome, IsOk());
    EXPECT_EQ(outcome->step, step);
    EXPECT_EQ(outcome->durable_step, 3);
  }
  EXPECT_EQ(VisibleStep(), 3);
  EXPECT_EQ(labelled.Get()->step, 2);
  EXPECT_EQ(model_->Describe().settings.labels.at("team"), "search");
  EXPECT_EQ(model_->Describe().step, 3);
}

TEST_F(DurabilityTest, ARepeatWaitsForTheFirst) {
  Pending<StepOutcome> first = BeginStep(1, "id");
  Pending<StepOutcome> repeat = BeginStep(1, "id");
  absl::SleepFor(kLong);
  EXPECT_FALSE(first.HasCome());
  EXPECT_FALSE(repeat.HasCome());
  ASSERT_TRUE(commits_->CommitNext());
  EXPECT_FALSE(first.Get()->replayed);
  const auto replayed = repeat.Get();
  EXPECT_TRUE(replayed->replayed);
  EXPECT_EQ(replayed->step, 1);
  EXPECT_FALSE(commits_->CommitNext(absl::OkStatus(), kLong));
}

TEST_F(DurabilityTest, InfoSpeaksOfACommittedStep) {
  BeginStep(0);
  Pending<ModelInfo> info;
  model_->Info({}, info.reply());
  absl::SleepFor(kLong);
  EXPECT_FALSE(info.HasCome());
  ASSERT_TRUE(commits_->CommitNext());
  ASSERT_TRUE(commits_->CommitNext());
  const auto outcome = info.Get();
  EXPECT_EQ(outcome->step, 1);
  EXPECT_EQ(outcome->state_hash, HashAfter(model_->network()->spec(), {0}));
}

// Of large tables, which a step touches few rows of, fewer: hashing them would take longer.
TEST_F(DurabilityTest, ThereIsAHashToAThousandUpdates) {
  NetworkSpec with_table = SampleNetwork();
  with_table.categorical_inputs = {{.name = "shop", .buckets = 50'000, .dimension = 16}};
  const std::shared_ptr<Model> tabled = CreateModel(&registry_, "tabled", with_table);
  for (const auto& [model, every] : {std::pair(model_, 1024), std::pair(tabled, 2048)}) {
    for (std::uint64_t seed = 0; seed < 2048; ++seed) {
      Pending<StepOutcome> step;
      model->Step(StepOn(*model->network(), seed, /*rows=*/1), {}, step.reply());
      ASSERT_TRUE(commits_->CommitNext());
      ASSERT_THAT(step.Get(), IsOk());
    }
    for (const store::UpdateRecord& record : commits_->TakeRecords()) {
      EXPECT_EQ(record.state_hash.has_value(), record.result.step % every == 0);
    }
    EXPECT_EQ(model->Describe().step, 2048);
  }
}

TEST_F(DurabilityTest, RecordsHoldWhatApplyingAgainTakes) {
  BeginStep(4, "id");
  ASSERT_TRUE(commits_->CommitNext());
  const auto records = commits_->TakeRecords();
  ASSERT_EQ(records.size(), 1);
  EXPECT_EQ(records[0].result.step, 1);
  EXPECT_EQ(records[0].request->id, "id");
  EXPECT_EQ(records[0].request->fingerprint, 4);
  EXPECT_FALSE(records[0].session.has_value());
  const auto& update = std::get<store::BatchUpdate>(records[0].update);
  EXPECT_TRUE(SameBits(update.batch.inputs, SampleBatch(*model_->network(), 4).inputs));
}

TEST_F(DurabilityTest, AfterAFailureNothingIsAcknowledgedAndReadingGoesOn) {
  ASSERT_FALSE(BeginStep(0).HasCome());
  ASSERT_TRUE(commits_->CommitNext());
  Pending<StepOutcome> lost = BeginStep(1, "id");
  Pending<StepOutcome> behind = BeginStep(2);
  ASSERT_TRUE(commits_->CommitNext(absl::UnavailableError("the disk is full")));
  EXPECT_THAT(lost.Get(), StatusIs(absl::StatusCode::kUnavailable, "the disk is full"));
  ASSERT_TRUE(commits_->CommitNext(absl::UnavailableError("the disk is full")));
  EXPECT_THAT(behind.Get(), StatusIs(absl::StatusCode::kUnavailable, _));
  EXPECT_THAT(BeginStep(3).Get(), StatusIs(absl::StatusCode::kUnavailable, "the disk is full"));
  EXPECT_THAT(BeginStep(1, "id").Get(), StatusIs(absl::StatusCode::kUnavailable, _));
  EXPECT_EQ(VisibleStep(), 1);
}

TEST_F(DurabilityTest, AcksFollowCommits) {
  const auto observer = std::make_shared<RecordingObserver>();
  const auto session = *model_->AttachSession({.session_id = "s"}, observer);
  ASSERT_TRUE(commits_->CommitNext());
  EXPECT_EQ(observer->AwaitReady().next_sequence, 1);
  for (std::int64_t sequence = 1; sequence <= 3; ++sequence) {
    session->Submit({.sequence = sequence, .batch = SampleBatch(*model_->network(), 7)});
  }
  session->HalfClose();
  absl::SleepFor(kLong);
  EXPECT_TRUE(observer->acks().empty());
  for (std::int64_t sequence = 1; sequence <= 3; ++sequence) {
    ASSERT_TRUE(commits_->CommitNext());
    observer->AwaitAck(sequence);
    EXPECT_EQ(observer->acks().back().durable_sequence, sequence);
    EXPECT_FALSE(observer->IsFinished());
  }
  ASSERT_TRUE(commits_->CommitNext());
  EXPECT_THAT(observer->AwaitFinished(), IsOk());
  const auto records = commits_->TakeRecords();
  ASSERT_EQ(records.size(), 3);
  EXPECT_EQ(records[2].session->session_id, "s");
  EXPECT_EQ(records[2].session->sequence, 3);
}

TEST_F(DurabilityTest, AReattachedSessionIsReadyOnceItsPositionIsCommitted) {
  const auto first = std::make_shared<RecordingObserver>();
  const auto session = *model_->AttachSession({.session_id = "s"}, first);
  ASSERT_TRUE(commits_->CommitNext());
  first->AwaitReady();
  session->Submit({.sequence = 1, .batch = SampleBatch(*model_->network(), 7)});
  const auto second = std::make_shared<RecordingObserver>();
  const auto again = *model_->AttachSession({.session_id = "s"}, second);
  // The batch, the end of the first stream, the start of the second.
  ASSERT_TRUE(commits_->CommitNext());
  ASSERT_TRUE(commits_->CommitNext());
  EXPECT_THAT(first->AwaitFinished(), StatusIs(absl::StatusCode::kAborted, _));
  ASSERT_TRUE(commits_->CommitNext());
  const TrainReady ready = second->AwaitReady();
  EXPECT_EQ(ready.next_sequence, 2);
  EXPECT_EQ(ready.step, 1);
  again->HalfClose();
  ASSERT_TRUE(commits_->CommitNext());
  EXPECT_THAT(second->AwaitFinished(), IsOk());
}

TEST_F(DurabilityTest, AFailedCommitEndsTheSession) {
  const auto observer = std::make_shared<RecordingObserver>();
  const auto session = *model_->AttachSession({.session_id = "s"}, observer);
  ASSERT_TRUE(commits_->CommitNext());
  observer->AwaitReady();
  session->Submit({.sequence = 1, .batch = SampleBatch(*model_->network(), 7)});
  ASSERT_TRUE(commits_->CommitNext(absl::UnavailableError("the disk is full")));
  ASSERT_TRUE(commits_->CommitNext(absl::UnavailableError("the disk is full")));
  EXPECT_THAT(observer->AwaitFinished(),
              StatusIs(absl::StatusCode::kUnavailable, "the disk is full"));
  EXPECT_TRUE(observer->acks().empty());
}

TEST_F(DurabilityTest, ADeletedModelIsGoneOnceTheStoreHasRemovedIt) {
  Pending<DeleteModelOutcome> deleted;
  registry_.Delete({.name = "m"}, {}, deleted.reply());
  Pending<DeleteModelOutcome> repeat;
  registry_.Delete({.name = "m"}, {}, repeat.reply());
  EXPECT_THAT(repeat.Get(), StatusIs(absl::StatusCode::kNotFound, _));
  // Its name is not free yet.
  const auto taken = Await<ModelInfo>(
      [&](Reply<ModelInfo> reply) { registry_.Create(CreateCommand("m"), {}, std::move(reply)); });
  EXPECT_THAT(taken, StatusIs(absl::StatusCode::kAlreadyExists, _));
  EXPECT_FALSE(deleted.HasCome());
  ASSERT_TRUE(commits_->CommitNext());
  EXPECT_THAT(deleted.Get(), IsOk());
  EXPECT_NE(CreateModel(&registry_, "m"), nullptr);
}

}  // namespace
}  // namespace descent::models
