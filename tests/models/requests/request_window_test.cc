#include "server/models/requests/request_window.h"

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "server/models/work/memory_budget.h"
#include "tests/support/status_matchers.h"

namespace descent::models {
namespace {

using ::descent::testing::ReasonIs;

class RequestWindowTest : public ::testing::Test {
 protected:
  using Window = RequestWindow<int>;

  // What Begin does: "new", or the answer of a repeat once it has come.
  bool Begin(const std::string& id, std::uint64_t fingerprint, absl::Time now) {
    return window_.Begin({id, fingerprint}, now, [this]() -> Window::OnRepeat {
      return [this](const absl::StatusOr<int>& answer) { answers_.push_back(answer); };
    });
  }

  const absl::Time start_ = absl::UnixEpoch();
  Window window_{/*count=*/3, /*age=*/absl::Seconds(10)};
  std::vector<absl::StatusOr<int>> answers_;
};

TEST_F(RequestWindowTest, RepeatsGetTheFirstAnswer) {
  EXPECT_TRUE(Begin("a", 1, start_));
  EXPECT_FALSE(Begin("a", 1, start_));  // while the first is being worked on
  EXPECT_FALSE(Begin("a", 2, start_));
  ASSERT_EQ(answers_.size(), 1);
  EXPECT_THAT(answers_[0], ReasonIs("REQUEST_ID_REUSED"));
  window_.Finish("a", start_, 7);
  ASSERT_EQ(answers_.size(), 2);
  EXPECT_EQ(*answers_[1], 7);
  EXPECT_FALSE(Begin("a", 1, start_ + absl::Seconds(9)));
  EXPECT_EQ(*answers_.back(), 7);
  EXPECT_FALSE(Begin("a", 3, start_ + absl::Seconds(9)));
  EXPECT_THAT(answers_.back(), ReasonIs("REQUEST_ID_REUSED"));
}

TEST_F(RequestWindowTest, AFailedRequestMayBeTriedAgain) {
  EXPECT_TRUE(Begin("a", 1, start_));
  EXPECT_FALSE(Begin("a", 1, start_));
  window_.Finish("a", start_, absl::AbortedError("no"));
  EXPECT_EQ(answers_.back().status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(window_.size(), 0);
  EXPECT_TRUE(Begin("a", 2, start_));
}

TEST_F(RequestWindowTest, ForgetsByCountAndByAge) {
  for (const char* id : {"a", "b", "c", "d"}) {
    EXPECT_TRUE(Begin(id, 1, start_));
    window_.Finish(id, start_, 1);
  }
  EXPECT_EQ(window_.size(), 3);
  EXPECT_TRUE(Begin("a", 1, start_));  // the oldest of four
  EXPECT_FALSE(Begin("b", 1, start_ + absl::Seconds(9)));
  EXPECT_TRUE(Begin("b", 1, start_ + absl::Seconds(10)));
  EXPECT_EQ(window_.size(), 2);  // "a" and "b", which are being worked on
}

TEST_F(RequestWindowTest, ForgetsLargeAnswersSoonerButNeverTheNewest) {
  const auto budget = MemoryBudget::Create(100'000);
  Window window(/*count=*/1000, /*age=*/absl::Hours(1), /*bytes=*/10'000,
                budget->Count(MemoryPurpose::kAnswers, 0));
  const auto begin = [&](const std::string& id) {
    return window.Begin({id, 1}, start_,
                        []() -> Window::OnRepeat { return [](const absl::StatusOr<int>&) {}; });
  };
  for (const char* id : {"a", "b", "c"}) {
    EXPECT_TRUE(begin(id));
    window.Finish(id, start_, 1, /*bytes=*/4'500);
  }
  EXPECT_EQ(window.size(), 2);
  EXPECT_GT(budget->used(MemoryPurpose::kAnswers), 9'000);
  EXPECT_LT(budget->used(MemoryPurpose::kAnswers), 10'000);
  EXPECT_TRUE(begin("huge"));
  window.Finish("huge", start_, 1, /*bytes=*/50'000);
  EXPECT_EQ(window.size(), 1);
  EXPECT_FALSE(begin("huge"));
  EXPECT_GT(budget->used(), 50'000);
}

TEST_F(RequestWindowTest, ForgetsWhatTheBudgetHasNoRoomFor) {
  const auto budget = MemoryBudget::Create(20'000);
  Window window(/*count=*/1000, /*age=*/absl::Hours(1), /*bytes=*/1'000'000,
                budget->Count(MemoryPurpose::kAnswers, 0));
  for (int i = 0; i < 100; ++i) {
    const std::string id = std::to_string(i);
    EXPECT_TRUE(window.Begin(
        {id, 1}, start_, []() -> Window::OnRepeat { return [](const absl::StatusOr<int>&) {}; }));
    window.Finish(id, start_, 1, /*bytes=*/1'000);
    EXPECT_LE(budget->used(), budget->standing_limit());
  }
  EXPECT_GT(window.size(), 5);
}

}  // namespace
}  // namespace descent::models
