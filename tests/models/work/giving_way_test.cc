#include "server/models/work/giving_way.h"

#include <cstdint>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "server/models/options.h"
#include "server/models/work/resources.h"

namespace descent::models {
namespace {

absl::Time At(absl::Duration time) { return absl::UnixEpoch() + time; }

TEST(AllowanceTest, OffersAreATenthOfAMillisecondApart) {
  Allowance allowance;
  ASSERT_TRUE(allowance.MayOffer(At(absl::ZeroDuration())));
  const absl::Duration end = absl::Microseconds(1);
  allowance.Spend(At(absl::ZeroDuration()), At(end));
  EXPECT_FALSE(allowance.MayOffer(At(end)));
  EXPECT_FALSE(allowance.MayOffer(At(end + absl::Microseconds(99))));
  EXPECT_TRUE(allowance.MayOffer(At(end + absl::Microseconds(100))));
}

TEST(AllowanceTest, AnEighthOfTheTimeIsGivenAwayAtMost) {
  for (const absl::Duration turn : {absl::Microseconds(200), absl::Milliseconds(4)}) {
    Allowance allowance;
    absl::Duration now, away;
    while (now < absl::Seconds(10)) {
      if (allowance.MayOffer(At(now))) {
        allowance.Spend(At(now), At(now + turn));
        away += turn;
        now += turn;
      }
      now += absl::Microseconds(50);
    }
    // An eighth of the time that it had the core, and what was left to it at the start.
    EXPECT_LT(away, (now - away) / 8 + absl::Milliseconds(5) + turn) << turn;
    EXPECT_GT(away, (now - away) / 8 - turn) << turn;
  }
}

TEST(AllowanceTest, IdleTimeEarnsNoMoreThanFiveMilliseconds) {
  Allowance allowance;
  ASSERT_TRUE(allowance.MayOffer(At(absl::ZeroDuration())));
  ASSERT_TRUE(allowance.MayOffer(At(absl::Hours(1))));
  allowance.Spend(At(absl::Hours(1)), At(absl::Hours(1) + absl::Milliseconds(6)));
  EXPECT_FALSE(allowance.MayOffer(At(absl::Hours(1) + absl::Milliseconds(7))));
  EXPECT_TRUE(allowance.MayOffer(At(absl::Hours(1) + absl::Milliseconds(15))));
}

TEST(GivingWayTest, UpdatesOfferTheirCoreWhileReadsCome) {
  ModelsOptions options;
  options.threads = 1;
  Resources resources(options);
  const auto offers_of = [&resources](ThreadPool* pool) {
    const std::int64_t before = resources.giving_way.offers();
    // Long enough for an allowance that an earlier test has left.
    const absl::Time end = absl::Now() + absl::Milliseconds(1);
    while (absl::Now() < end) pool->ParallelFor(1, [](std::int64_t) {});
    return resources.giving_way.offers() - before;
  };
  EXPECT_EQ(offers_of(&resources.update_pool), 0);
  resources.giving_way.NoteRead();
  EXPECT_EQ(offers_of(&resources.pool), 0);
  EXPECT_GT(offers_of(&resources.update_pool), 0);
  absl::SleepFor(absl::Milliseconds(21));
  EXPECT_EQ(offers_of(&resources.update_pool), 0);
}

}  // namespace
}  // namespace descent::models
