// What is deleted, how much of it at once, and what a rollback leaves to be deleted.

#include "server/store/sqlite/trash.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/store_parts_fixture.h"
#include "tests/support/status_matchers.h"

namespace descent::store {
namespace {

using ::descent::testing::IsOk;

constexpr std::int64_t kMebibyte = std::int64_t{1} << 20;

class TrashTest : public StorePartsFixture {
 protected:
  // A row of the journal, and what the trash is told of its size.
  void AddRow(std::int64_t told_bytes) {
    JournalRow row;
    row.id = ++rows_;
    row.model_id = 1;
    ASSERT_THAT(parts_->journal.Insert(&row, "records"), IsOk());
    LiveRow live = LiveRowOf(row);
    live.size_bytes = told_bytes;
    trash_.AddRow(live);
  }

  void AddCheckpoint(std::int64_t id, int pieces, bool is_whole) {
    for (int piece = 0; piece < pieces; ++piece) {
      ASSERT_THAT(parts_->checkpoints.InsertPiece(id, piece, "numbers"), IsOk());
    }
    CheckpointRow row;
    row.id = id;
    row.model_id = 1;
    if (is_whole) {
      ASSERT_THAT(parts_->checkpoints.Insert(&row, "header"), IsOk());
    }
  }

  void Apply(std::int64_t written_bytes = 0) {
    ASSERT_THAT(trash_.Apply(&parts_->journal, &parts_->checkpoints, written_bytes), IsOk());
  }
  void Commit(std::int64_t written_bytes = 0) {
    Execute("BEGIN");
    Apply(written_bytes);
    Execute("COMMIT");
    trash_.Committed();
  }
  void RollBack() {
    Execute("BEGIN");
    Apply();
    Execute("ROLLBACK");
    trash_.RolledBack();
  }

  std::int64_t Rows() { return Query("SELECT count(*) FROM journal"); }
  std::int64_t Pieces(std::int64_t id) {
    return Query("SELECT count(*) FROM checkpoint_pieces WHERE checkpoint_id = " +
                 std::to_string(id));
  }

  Trash trash_;
  std::int64_t rows_ = 0;
};

TEST_F(TrashTest, DeletesTwoMebibytesOfTheJournalAtOnce) {
  for (int i = 0; i < 8; ++i) AddRow(kMebibyte);
  Commit();
  EXPECT_EQ(Rows(), 6);
  Commit();
  EXPECT_EQ(Rows(), 4);
}

TEST_F(TrashTest, DeletesTwiceWhatTheCommitWroteAndMoreSoThatTheJournalDoesNotGrow) {
  for (int i = 0; i < 20; ++i) AddRow(kMebibyte);
  Commit(/*written_bytes=*/3 * kMebibyte);
  EXPECT_EQ(Rows(), 20 - (2 * 3 + 2));
}

TEST_F(TrashTest, ALargeRowGoesByItself) {
  for (int i = 0; i < 3; ++i) AddRow(100 * kMebibyte);
  Commit();
  EXPECT_EQ(Rows(), 2);
}

TEST_F(TrashTest, DeletesSoManySmallRowsAtOnce) {
  Execute("BEGIN");
  for (int i = 0; i < 300; ++i) AddRow(1);
  Execute("COMMIT");
  Commit();
  EXPECT_EQ(Rows(), 300 - 256);
  Commit();
  EXPECT_EQ(Rows(), 0);
  EXPECT_TRUE(trash_.empty());
}

TEST_F(TrashTest, ACheckpointStopsBeingOneAtOnceAndItsPiecesGoOneAfterAnother) {
  AddCheckpoint(1, 5, /*is_whole=*/true);
  AddCheckpoint(2, 5, /*is_whole=*/true);
  trash_.AddCheckpoints({1});
  Commit();
  EXPECT_EQ(Query("SELECT count(*) FROM checkpoints WHERE id = 1"), 0);
  EXPECT_EQ(Pieces(1), 3);
  Commit();
  EXPECT_EQ(Pieces(1), 1);
  Commit();
  EXPECT_EQ(Pieces(1), 0);
  Commit();
  EXPECT_TRUE(trash_.empty());
  EXPECT_EQ(Query("SELECT count(*) FROM checkpoints"), 1) << "the other one is not touched";
  EXPECT_EQ(Pieces(2), 5);
}

TEST_F(TrashTest, PiecesOfACheckpointThatWasNeverWholeGoToo) {
  AddCheckpoint(1, 2, /*is_whole=*/false);
  trash_.AddCheckpoints({1});
  while (!trash_.empty()) Commit();
  EXPECT_EQ(Pieces(1), 0);
}

TEST_F(TrashTest, WhatWasRolledBackIsStillToBeDeleted) {
  for (int i = 0; i < 3; ++i) AddRow(kMebibyte);
  AddCheckpoint(1, 1, /*is_whole=*/true);
  trash_.AddCheckpoints({1});
  RollBack();
  EXPECT_EQ(Rows(), 3);
  EXPECT_EQ(Pieces(1), 1);
  while (!trash_.empty()) Commit();
  EXPECT_EQ(Rows(), 0);
  EXPECT_EQ(Pieces(1), 0);
  EXPECT_EQ(Query("SELECT count(*) FROM checkpoints"), 0);
}

}  // namespace
}  // namespace descent::store
