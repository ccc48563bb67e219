// Answers wait their turn: by connection, over all, and not for ever.

#include "server/services/unsent_answers.h"

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "clock/steady.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/models/work/executor.h"
#include "server/models/work/memory_budget.h"

namespace descent::services {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

class UnsentAnswersTest : public ::testing::Test {
 protected:
  // Asks for an answer's place, and returns it with whether its turn has come.
  struct Asked {
    UnsentAnswer answer;
    std::atomic<bool> gone = false;
    std::atomic<int> cancelled = 0;
    absl::Mutex mutex;
    std::optional<absl::Status> turn;

    bool has_turn() {
      const absl::MutexLock lock(&mutex);
      return turn.has_value();
    }
    absl::Status AwaitTurn() {
      const absl::MutexLock lock(&mutex);
      mutex.Await(absl::Condition(
          +[](std::optional<absl::Status>* status) { return status->has_value(); }, &turn));
      return *turn;
    }
  };

  std::unique_ptr<Asked> Ask(const std::string& peer, std::size_t bytes) {
    auto asked = std::make_unique<Asked>();
    unsent_->Await(peer, bytes, asked->gone, &asked->answer,
                   [asked = asked.get()](absl::Status status) {
                     const absl::MutexLock lock(&asked->mutex);
                     asked->turn = std::move(status);
                   });
    return asked;
  }

  void Make(const UnsentLimits& limits, std::size_t memory_bytes = 1024 * kMiB) {
    memory_ = models::MemoryBudget::Create(memory_bytes);
    unsent_ = std::make_unique<UnsentAnswers>(limits, memory_, &executor_);
  }

  UnsentAnswersTest() { Make({.connection_bytes = 10 * kMiB, .all_bytes = 25 * kMiB}); }

  models::Executor executor_{"test", 1};
  std::shared_ptr<models::MemoryBudget> memory_;
  std::unique_ptr<UnsentAnswers> unsent_;
};

TEST_F(UnsentAnswersTest, OneConnectionWaitsForItself) {
  auto first = Ask("a", 6 * kMiB);
  auto second = Ask("a", 6 * kMiB);
  EXPECT_TRUE(first->has_turn());
  EXPECT_FALSE(second->has_turn());
  auto other = Ask("b", 6 * kMiB);
  EXPECT_TRUE(other->has_turn());
  first.reset();
  EXPECT_TRUE(second->AwaitTurn().ok());
}

TEST_F(UnsentAnswersTest, AnAnswerLargerThanAllBoundsGoesAlone) {
  auto huge = Ask("a", 100 * kMiB);
  EXPECT_TRUE(huge->has_turn());
  auto next = Ask("b", kMiB);
  EXPECT_FALSE(next->has_turn());
  huge.reset();
  EXPECT_TRUE(next->AwaitTurn().ok());
}

TEST_F(UnsentAnswersTest, ConnectionsTakeTurns) {
  auto holder = Ask("a", 10 * kMiB);
  auto other = Ask("b", 10 * kMiB);
  std::vector<std::unique_ptr<Asked>> crowd;
  for (int i = 0; i < 50; ++i) crowd.push_back(Ask("a", 10 * kMiB));
  auto honest = Ask("c", 10 * kMiB);
  EXPECT_FALSE(honest->has_turn());
  holder.reset();
  EXPECT_TRUE(honest->AwaitTurn().ok() || crowd.front()->has_turn());
  other.reset();
  EXPECT_TRUE(honest->AwaitTurn().ok());  // before 48 of the crowd
  EXPECT_TRUE(crowd.front()->AwaitTurn().ok());
  crowd.front().reset();
  for (std::size_t i = 1; i < crowd.size(); ++i) {
    EXPECT_TRUE(crowd[i]->AwaitTurn().ok());
    crowd[i].reset();
  }
}

TEST_F(UnsentAnswersTest, CountsWhatIsOnItsWay) {
  {
    auto answer = Ask("a", 6 * kMiB);
    EXPECT_EQ(unsent_->granted_bytes(), 6 * kMiB);
    EXPECT_EQ(memory_->used(models::MemoryPurpose::kUnsent), 12 * kMiB);
    answer->answer.Raise(7 * kMiB);
    EXPECT_EQ(unsent_->granted_bytes(), 7 * kMiB);
    EXPECT_EQ(memory_->used(models::MemoryPurpose::kUnsent), 14 * kMiB);
  }
  EXPECT_EQ(unsent_->granted_bytes(), 0);
  EXPECT_EQ(memory_->used(models::MemoryPurpose::kUnsent), 0);
}

TEST_F(UnsentAnswersTest, RefusesWhatTheMemoryHasNoRoomFor) {
  Make({}, 8 * kMiB);
  auto answer = Ask("a", 6 * kMiB);
  EXPECT_EQ(answer->AwaitTurn().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(UnsentAnswersTest, WhoGoesWaitsNoLonger) {
  auto holder = Ask("a", 10 * kMiB);
  auto waiting = Ask("a", kMiB);
  EXPECT_FALSE(waiting->has_turn());
  waiting->gone = true;
  unsent_->Forget(&waiting->answer);
  EXPECT_EQ(waiting->AwaitTurn().code(), absl::StatusCode::kCancelled);
  waiting.reset();
  holder.reset();
  EXPECT_EQ(unsent_->granted_bytes(), 0);
}

TEST_F(UnsentAnswersTest, CancelsWhoTakesNothingWhileOthersWait) {
  const auto cancel = [](Asked* asked) { asked->answer.Sending([asked] { ++asked->cancelled; }); };
  auto first = Ask("a", 10 * kMiB);
  auto second = Ask("b", 10 * kMiB);
  auto computing = Ask("c", 5 * kMiB);
  cancel(first.get());
  cancel(second.get());
  const absl::Time later = SteadyNow() + absl::Seconds(10);
  unsent_->CancelStalled(later);
  EXPECT_EQ(first->cancelled, 0);  // nobody wants its place
  auto own = Ask("a", kMiB);
  unsent_->CancelStalled(later);
  EXPECT_EQ(first->cancelled, 0);  // nobody but itself
  auto honest = Ask("d", kMiB);
  EXPECT_FALSE(honest->has_turn());
  unsent_->CancelStalled(later);
  EXPECT_EQ(first->cancelled, 1);
  EXPECT_EQ(second->cancelled, 1);
  EXPECT_EQ(computing->cancelled, 0);  // its client has nothing to take yet
  unsent_->CancelStalled(later);
  EXPECT_EQ(first->cancelled, 1);  // once
  first.reset();
  EXPECT_TRUE(honest->AwaitTurn().ok());
  EXPECT_TRUE(own->AwaitTurn().ok());
}

TEST_F(UnsentAnswersTest, CancelsWhoTakesNothingForMinutes) {
  auto answer = Ask("a", kMiB);
  answer->answer.Sending([asked = answer.get()] { ++asked->cancelled; });
  unsent_->CancelStalled(SteadyNow() + absl::Seconds(30));
  EXPECT_EQ(answer->cancelled, 0);
  unsent_->CancelStalled(SteadyNow() + absl::Minutes(3));
  EXPECT_EQ(answer->cancelled, 1);
}

TEST_F(UnsentAnswersTest, SmallAnswersGoAtOnceUntilThereAreTooMany) {
  Make({.small_bytes = 1000, .all_small_bytes = 2500});
  UnsentAnswer large;
  EXPECT_FALSE(unsent_->TakeSmall(1001, &large));
  {
    UnsentAnswer first;
    UnsentAnswer second;
    UnsentAnswer third;
    EXPECT_TRUE(unsent_->TakeSmall(1000, &first));
    EXPECT_TRUE(unsent_->TakeSmall(1000, &second));
    EXPECT_FALSE(unsent_->TakeSmall(1000, &third));
  }
  UnsentAnswer fourth;
  EXPECT_TRUE(unsent_->TakeSmall(1000, &fourth));
}

}  // namespace
}  // namespace descent::services
