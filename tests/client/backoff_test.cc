#include "client/descent/backoff.h"

#include "gtest/gtest.h"

namespace descent::client {
namespace {

const RetryPolicy kPolicy = {.initial_backoff = absl::Milliseconds(100),
                             .max_backoff = absl::Milliseconds(350),
                             .multiplier = 2};

TEST(BackoffTest, PausesGrowToTheirLimit) {
  Backoff backoff(kPolicy);
  for (const int ceiling : {100, 200, 350, 350, 350}) {
    const absl::Duration pause = backoff.Next(absl::UnavailableError(""));
    EXPECT_GE(pause, absl::Milliseconds(ceiling) / 2);
    EXPECT_LE(pause, absl::Milliseconds(ceiling));
  }
}

TEST(BackoffTest, PausesDiffer) {
  Backoff one(kPolicy);
  Backoff another(kPolicy);
  EXPECT_NE(one.Next(absl::UnavailableError("")), another.Next(absl::UnavailableError("")));
}

TEST(BackoffTest, ASuccessMakesPausesShortAgain) {
  Backoff backoff(kPolicy);
  for (int i = 0; i < 5; ++i) backoff.Next(absl::UnavailableError(""));
  backoff.Reset();
  EXPECT_LE(backoff.Next(absl::UnavailableError("")), absl::Milliseconds(100));
}

}  // namespace
}  // namespace descent::client
