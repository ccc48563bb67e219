// What is owed is answered, whatever is thrown and whatever is dropped.

#include "server/models/reply.h"

#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "core/error.h"
#include "gtest/gtest.h"
#include "server/models/work/executor.h"
#include "server/models/work/lane.h"
#include "tests/models/replies.h"
#include "tests/support/status_matchers.h"

namespace descent::models {
namespace {

class ReplyTest : public ::testing::Test {
 protected:
  Reply<int> MakeReply() {
    return [this](absl::StatusOr<int> outcome) { outcomes_.push_back(std::move(outcome)); };
  }
  void ExpectAbandonedOnce() {
    ASSERT_EQ(outcomes_.size(), 1);
    EXPECT_EQ(outcomes_[0].status().code(), absl::StatusCode::kInternal);
    EXPECT_EQ(GetErrorDetails(outcomes_[0].status()).reason, "ABANDONED");
  }

  std::vector<absl::StatusOr<int>> outcomes_;
};

TEST_F(ReplyTest, AnswersOnceWhereverItIsMoved) {
  {
    Reply<int> reply = MakeReply();
    Reply<int> moved = std::move(reply);
    reply = std::move(moved);
    std::move(reply)(7);
  }
  ASSERT_EQ(outcomes_.size(), 1);
  EXPECT_EQ(*outcomes_[0], 7);
}

TEST_F(ReplyTest, AnswersThatItWasAbandonedWhenItIsDropped) {
  MakeReply();
  ExpectAbandonedOnce();
}

TEST_F(ReplyTest, AnswersThatItWasAbandonedWhenAnotherTakesItsPlace) {
  Reply<int> reply = MakeReply();
  reply = [](const absl::StatusOr<int>&) {};
  ExpectAbandonedOnce();
  std::move(reply)(1);
}

TEST_F(ReplyTest, AnswersThatItWasAbandonedWhenTheWorkThrows) {
  try {
    Task task = [reply = MakeReply()]() mutable { throw std::bad_alloc(); };
    std::move(task)();
  } catch (const std::bad_alloc&) {
  }
  ExpectAbandonedOnce();
}

TEST(ThrowingTaskTest, EndsTheProcessAtOnceOnAnExecutor) {
  EXPECT_DEATH(
      {
        Executor executor("test", 1);
        executor.Post([] { throw std::bad_alloc(); });
      },
      "bad_alloc");
}

// In place, on a thread that would swallow the exception.
TEST(ThrowingTaskTest, EndsTheProcessAtOnceOnALane) {
  EXPECT_DEATH(
      {
        Executor executor("test", 1);
        Lane lane(&executor);
        try {
          lane.RunOrPost([] { throw std::bad_alloc(); });
        } catch (...) {
        }
      },
      "bad_alloc");
}

}  // namespace
}  // namespace descent::models
