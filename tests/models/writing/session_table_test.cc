#include "server/models/writing/session_table.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/models/work/memory_budget.h"
#include "tests/support/status_matchers.h"

namespace descent::models {
namespace {

using ::descent::testing::IsOk;
using ::descent::testing::ReasonIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SessionTableTest : public ::testing::Test {
 protected:
  // A session whose stream has ended after so many batches.
  void Leave(SessionTable& table, const std::string& id, std::int64_t applied, bool finished) {
    const auto session = table.FindOrAdd(id, now_);
    ASSERT_THAT(session, IsOk());
    (*session)->next_sequence = applied + 1;
    (*session)->last_used = now_;
    (*session)->finished = finished;
    now_ += absl::Seconds(1);
  }

  absl::Time now_ = absl::UnixEpoch();
};

TEST_F(SessionTableTest, IdleSessionsMakeRoomThoseWithLeastToLoseFirst) {
  SessionTable table(/*limit=*/3, /*retention=*/absl::Hours(1));
  Leave(table, "broken", 5, /*finished=*/false);
  Leave(table, "finished", 5, /*finished=*/true);
  Leave(table, "empty", 0, /*finished=*/false);
  Leave(table, "a", 1, false);
  EXPECT_EQ(table.Find("empty"), nullptr);
  Leave(table, "b", 1, false);
  EXPECT_EQ(table.Find("finished"), nullptr);
  EXPECT_NE(table.Find("broken"), nullptr);
  Leave(table, "c", 1, false);
  EXPECT_EQ(table.Find("broken"), nullptr);
  EXPECT_EQ(table.size(), 3);
}

TEST_F(SessionTableTest, ComingBackToASessionThatMadeRoomIsRefusedNotBegunAnew) {
  SessionTable table(/*limit=*/2, /*retention=*/absl::Hours(1));
  Leave(table, "first", 8, false);
  Leave(table, "empty", 0, false);
  Leave(table, "third", 1, false);
  Leave(table, "fourth", 1, false);  // instead of the first
  EXPECT_THAT(table.FindOrAdd("first", now_), ReasonIs("SESSION_FORGOTTEN"));
  // Where nothing was applied, beginning anew loses nothing.
  EXPECT_THAT(table.FindOrAdd("empty", now_), IsOk());
  EXPECT_THAT(table.FindOrAdd("first", now_ + absl::Hours(2)), IsOk());
}

TEST_F(SessionTableTest, ThousandsOfShortSessionsRefuseNobody) {
  SessionTable table(/*limit=*/100, /*retention=*/absl::Hours(1));
  for (int i = 0; i < 5'000; ++i) Leave(table, "s" + std::to_string(i), 1, i % 2 == 0);
  EXPECT_EQ(table.size(), 100);
  EXPECT_THAT(table.FindOrAdd("honest", now_), IsOk());
}

TEST_F(SessionTableTest, CountsWhatSessionsTakeAndKeepsToTheBudget) {
  const auto budget = MemoryBudget::Create(20'000);
  SessionTable table(/*limit=*/4096, /*retention=*/absl::Hours(1),
                     budget->Count(MemoryPurpose::kSessions, 0));
  for (int i = 0; i < 500; ++i) {
    Leave(table, "a session of a rather long name " + std::to_string(i), 0, false);
    EXPECT_LE(budget->used(), budget->standing_limit());
  }
  EXPECT_GT(table.size(), 20);
}

// Remembers what it is told.
class RecordingStream final : public SessionStream {
 public:
  void End(const absl::Status& status) override { ended.push_back(status.code()); }
  void MarkDurable(std::int64_t sequence) override { durable.push_back(sequence); }

  std::vector<absl::StatusCode> ended;
  std::vector<std::int64_t> durable;
};

class AttachedStreamsTest : public SessionTableTest {
 protected:
  std::shared_ptr<RecordingStream> Attach(const std::string& id) {
    auto stream = std::make_shared<RecordingStream>();
    (*table_.FindOrAdd(id, now_))->stream = stream;
    return stream;
  }

  SessionTable table_{/*limit=*/2, /*retention=*/absl::Hours(1)};
};

TEST_F(AttachedStreamsTest, AreEndedWithTheSameStatusAndThoseThatHaveGoneAreNot) {
  const auto a = Attach("a");
  Attach("b").reset();
  table_.EndAll(absl::AbortedError("restored"));
  EXPECT_THAT(a->ended, ElementsAre(absl::StatusCode::kAborted));
}

TEST_F(AttachedStreamsTest, AreToldWhatACheckpointHasOfTheirSessionAlone) {
  const auto a = Attach("a");
  const auto b = Attach("b");
  table_.MarkDurable({{.id = "a", .next_sequence = 8}, {.id = "gone", .next_sequence = 3}});
  EXPECT_THAT(a->durable, ElementsAre(7));
  EXPECT_THAT(b->durable, IsEmpty());
}

TEST_F(AttachedStreamsTest, MakeNoRoomForOthers) {
  const auto a = Attach("a");
  auto b = Attach("b");
  EXPECT_THAT(table_.FindOrAdd("c", now_), ReasonIs("TOO_MANY_SESSIONS"));
  b.reset();
  EXPECT_THAT(table_.FindOrAdd("c", now_), IsOk());
}

}  // namespace
}  // namespace descent::models
