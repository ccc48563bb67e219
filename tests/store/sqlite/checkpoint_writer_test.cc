// Checkpoints in pieces, transaction by transaction.

#include "server/store/sqlite/checkpoint_writer.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/errors.h"
#include "server/store/format/codec.h"
#include "server/store/sqlite/checkpoint_reader.h"
#include "server/store/sqlite/removal.h"
#include "tests/store/live_model.h"
#include "tests/store/store_parts_fixture.h"
#include "tests/support/status_matchers.h"

namespace descent::store {
namespace {

using ::descent::testing::IsOk;
using ::descent::testing::ReasonIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CheckpointWriterTest : public StorePartsFixture {
 protected:
  // With Adam its state is 3.2 MB, so four pieces.
  CheckpointWriterTest() : live_(InitialImage()) { EXPECT_THAT(Image().state.slots, SizeIs(2)); }

  static constexpr int kPieces = 4;

  static ModelSettings Settings(const std::string& name) {
    return SampleSettings(name, Durability::kJournal, {512, 512, 2});
  }

  static ModelImage InitialImage() {
    ModelImage image;
    image.settings = Settings("m");
    return image;
  }

  ModelImage Image() const { return live_.Image(); }

  // A model that is in the file.
  std::shared_ptr<KeptModel> Keep(const std::string& name = "m") {
    auto model = std::make_shared<KeptModel>();
    model->row.name = name;
    model->row.initial_settings = "{}";
    parts_->EnsureId(model.get());
    EXPECT_THAT(parts_->models.Insert(model->row), IsOk());
    model->kept = true;
    return model;
  }

  CheckpointJob Job(std::shared_ptr<KeptModel> model, std::int64_t step = 7) {
    ModelImage image = Image();
    image.state.step = step;
    return {.model = std::move(model),
            .image = std::move(image),
            .position = step,
            .create_time = absl::FromUnixSeconds(1'700'000'000),
            .requested = false,
            .raises_durability = false,
            .done = [this](absl::StatusOr<CheckpointInfo> saved) {
              outcomes_.push_back(std::move(saved));
            }};
  }

  CheckpointWriter& writer() { return parts_->checkpoint_writer; }

  // A transaction of the store's thread.
  void Transact() {
    Execute("BEGIN");
    ASSERT_THAT(writer().Apply(parts_.get()), IsOk());
    Execute("COMMIT");
    writer().Committed(parts_.get());
  }
  void Transact(int times) {
    for (int i = 0; i < times; ++i) Transact();
  }
  void EmptyTrash() {
    while (!parts_->trash.empty()) {
      Execute("BEGIN");
      ASSERT_THAT(parts_->trash.Apply(&parts_->journal, &parts_->checkpoints, 0), IsOk());
      Execute("COMMIT");
      parts_->trash.Committed();
    }
  }

  std::int64_t Rows() { return Query("SELECT count(*) FROM checkpoints"); }
  std::int64_t Pieces() { return Query("SELECT count(*) FROM checkpoint_pieces"); }

  LiveModel live_;
  std::vector<absl::StatusOr<CheckpointInfo>> outcomes_;
};

TEST_F(CheckpointWriterTest, WritesAPieceATransactionAndTheRowWithTheLast) {
  const auto model = Keep();
  writer().Add(Job(model));
  for (int piece = 1; piece < kPieces; ++piece) {
    Transact();
    EXPECT_EQ(Pieces(), piece);
    EXPECT_EQ(Rows(), 0);
    EXPECT_THAT(outcomes_, IsEmpty());
    EXPECT_THAT(model->checkpoints, IsEmpty());
  }
  Transact();
  EXPECT_EQ(Pieces(), kPieces);
  EXPECT_EQ(Rows(), 1);
  ASSERT_THAT(outcomes_, SizeIs(1));
  ASSERT_THAT(outcomes_[0], IsOk());
  EXPECT_EQ(outcomes_[0]->step, 7);
  EXPECT_EQ(outcomes_[0]->size_bytes, StateBytes(Image().state));
  EXPECT_EQ(outcomes_[0]->state_hash, live_.State().hash);
  EXPECT_THAT(model->checkpoints, SizeIs(1));
  EXPECT_TRUE(writer().empty());
}

TEST_F(CheckpointWriterTest, IsCalledBackOnlyWhenItIsCommitted) {
  writer().Add(Job(Keep()));
  Transact(kPieces - 1);
  Execute("BEGIN");
  ASSERT_THAT(writer().Apply(parts_.get()), IsOk());
  EXPECT_THAT(outcomes_, IsEmpty());
  Execute("COMMIT");
  writer().Committed(parts_.get());
  EXPECT_THAT(outcomes_, SizeIs(1));
}

TEST_F(CheckpointWriterTest, WhatItWroteIsTheImage) {
  const auto model = Keep();
  writer().Add(Job(model));
  Transact(kPieces);
  ASSERT_THAT(model->checkpoints, SizeIs(1));
  CheckpointReader reader(model->checkpoints[0]);
  absl::StatusOr<bool> is_read = false;
  while (is_read.ok() && !*is_read) is_read = reader.ReadSome(&parts_->checkpoints);
  ASSERT_THAT(is_read, IsOk());
  const LiveModel read(reader.Take());
  EXPECT_EQ(read.State().hash, live_.State().hash);
}

TEST_F(CheckpointWriterTest, OneAfterAnother) {
  const auto first = Keep("first");
  const auto second = Keep("second");
  writer().Add(Job(first));
  writer().Add(Job(second));
  Transact(kPieces);
  EXPECT_THAT(outcomes_, SizeIs(1));
  EXPECT_THAT(second->checkpoints, IsEmpty());
  EXPECT_EQ(Pieces(), kPieces);
  Transact(kPieces);
  EXPECT_THAT(outcomes_, SizeIs(2));
  EXPECT_THAT(second->checkpoints, SizeIs(1));
}

TEST_F(CheckpointWriterTest, AFailureAtAnyPieceCallsAllBackAndLeavesNothing) {
  for (int pieces = 0; pieces < kPieces; ++pieces) {
    SCOPED_TRACE(absl::StrCat("after ", pieces, " pieces"));
    outcomes_.clear();
    const auto model = Keep(absl::StrCat("m", pieces));
    writer().Add(Job(model));
    writer().Add(Job(model, 8));
    Transact(pieces);
    Execute("BEGIN");
    ASSERT_THAT(writer().Apply(parts_.get()), IsOk());
    Execute("ROLLBACK");
    writer().Fail(StorageFailed("no more"), parts_.get());
    EXPECT_THAT(outcomes_, ElementsAre(ReasonIs("STORAGE_FAILED"), ReasonIs("STORAGE_FAILED")));
    EXPECT_TRUE(writer().empty());
    EXPECT_THAT(model->checkpoints, IsEmpty());
    EXPECT_TRUE(model->failure.ok()) << "what was acknowledged did not rely on it";
    EmptyTrash();
    EXPECT_EQ(Pieces(), 0);
    EXPECT_EQ(Rows(), 0);
  }
}

TEST_F(CheckpointWriterTest, AModelWhoseDurabilityWasRaisedFailsWithItsCheckpoint) {
  const auto model = Keep();
  CheckpointJob job = Job(model);
  job.raises_durability = true;
  writer().Add(std::move(job));
  Transact();
  writer().Fail(StorageFull("no room"), parts_.get());
  EXPECT_THAT(model->failure, ReasonIs("STORAGE_FULL"));
  EXPECT_TRUE(model->shared.failed);
}

TEST_F(CheckpointWriterTest, AModelThatGoesOrFailsOnTheWayLosesItsOwnAndNotTheOthers) {
  const auto removed = Keep("removed");
  const auto failed = Keep("failed");
  const auto other = Keep("other");
  writer().Add(Job(removed));
  writer().Add(Job(failed));
  writer().Add(Job(other));
  Transact();
  removed->removed = true;
  failed->Fail(StorageFailed("gone"));
  Transact(kPieces);
  ASSERT_THAT(outcomes_, SizeIs(3));
  EXPECT_THAT(outcomes_[0], ReasonIs("MODEL_NOT_FOUND"));
  EXPECT_THAT(outcomes_[1], ReasonIs("STORAGE_FAILED"));
  EXPECT_THAT(outcomes_[2], IsOk());
  EmptyTrash();
  EXPECT_EQ(Pieces(), kPieces);
  EXPECT_EQ(Rows(), 1);
}

TEST_F(CheckpointWriterTest, AModelThatIsTakenOutOfTheFileOnTheWayIsWrittenUnderItsNextId) {
  const auto model = Keep();
  const std::int64_t id = model->row.id;
  CheckpointJob job = Job(model);
  job.raises_durability = true;
  writer().Add(std::move(job));
  Transact(2);
  Removal removal;
  Execute("BEGIN");
  ASSERT_THAT(removal.Apply(model.get(), /*position=*/3, parts_.get()), IsOk());
  Execute("COMMIT");
  removal.Committed(parts_.get());
  EmptyTrash();
  EXPECT_EQ(Pieces(), 0) << "its pieces went with it";
  EXPECT_FALSE(model->kept);

  Transact(kPieces);
  ASSERT_THAT(outcomes_, SizeIs(1));
  EXPECT_THAT(outcomes_[0], IsOk());
  EXPECT_GT(model->row.id, id);
  EXPECT_TRUE(model->kept) << "the raise comes after the removal";
  EXPECT_EQ(Query(absl::StrCat("SELECT count(*) FROM models WHERE id = ", model->row.id)), 1);
  EXPECT_EQ(
      Query(absl::StrCat("SELECT count(*) FROM checkpoints WHERE model_id = ", model->row.id)), 1);
}

TEST_F(CheckpointWriterTest, ARaiseFromBeforeTheRemovalDoesNotBringTheModelBack) {
  const auto model = Keep();
  CheckpointJob job = Job(model, /*step=*/7);
  job.raises_durability = true;
  writer().Add(std::move(job));
  Removal removal;
  Execute("BEGIN");
  ASSERT_THAT(removal.Apply(model.get(), /*position=*/9, parts_.get()), IsOk());
  Execute("COMMIT");
  removal.Committed(parts_.get());
  Transact(kPieces);
  EXPECT_FALSE(model->kept);
  EXPECT_EQ(Query("SELECT count(*) FROM models"), 0);
}

TEST_F(CheckpointWriterTest, TakesThePlaceOfOneOfTheSameStep) {
  const auto model = Keep();
  CheckpointJob asked_for = Job(model, 7);
  asked_for.requested = true;
  writer().Add(std::move(asked_for));
  Transact(kPieces);
  writer().Add(Job(model, 7));
  Transact(kPieces);
  EXPECT_THAT(outcomes_, SizeIs(2));
  ASSERT_THAT(model->checkpoints, SizeIs(1));
  EXPECT_TRUE(model->checkpoints[0].requested) << "whoever asked for it finds it";
  EmptyTrash();
  EXPECT_EQ(Query("SELECT count(*) FROM checkpoints WHERE step = 7"), 1);
  EXPECT_EQ(Pieces(), kPieces);
}

TEST_F(CheckpointWriterTest, MakesTheRowsBeforeItSuperfluous) {
  const auto model = Keep();
  for (const std::int64_t position : {3, 7, 9}) {
    model->rows.push_back(
        {.id = position, .last_position = position, .size_bytes = 100, .restores = {}});
  }
  writer().Add(Job(model, 7));
  Transact(kPieces);
  ASSERT_THAT(model->rows, SizeIs(1));
  EXPECT_EQ(model->rows[0].last_position, 9);
  EXPECT_EQ(model->shared.journal_bytes, 100);
}

}  // namespace
}  // namespace descent::store
