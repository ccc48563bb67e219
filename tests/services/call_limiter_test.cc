// What callers and connections may have at a time, counted.

#include "server/services/call_limiter.h"

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace descent::services {
namespace {

using descent::testing::IsOk;

// A call that has been let in, or why not.
struct Call {
  Call(CallLimiter* limiter, const std::string& caller, std::size_t bytes = 0,
       const LimitOverrides* overrides = nullptr, const std::string& peer = "ipv4:10.0.0.1:5000")
      : status(limiter->Enter(
            caller, overrides, [&] { return peer; }, bytes, &share)) {}

  std::string reason() const { return GetErrorDetails(status).reason; }

  CallShare share;
  const absl::Status status;
};

TEST(CallLimiterTest, TellsCallersApartByTheirAddresses) {
  const struct {
    std::string peer;
    std::string address;
  } cases[] = {
      {"ipv4:10.0.0.1:5000", "ipv4:10.0.0.1"},
      {"ipv6:%5B2001:db8:1:2:3:4:5:6%5D:5000", "ipv6:[2001:db8:1:2::]/64"},
      {"ipv6:[2001:db8:1:2::9]:5000", "ipv6:[2001:db8:1:2::]/64"},
      {"ipv6:%5Bfe80::1%25eth0%5D:5000", "ipv6:[fe80::]/64"},
      {"ipv6:%5B::1%5D:5000", "ipv6:[::1]"},
      {"ipv6:nonsense", "ipv6:nonsense"},
      {"unix:/run/descent.sock", "unix:/run/descent.sock"},
      {"inproc", "inproc"},
      {"", ""},
  };
  for (const auto& [peer, address] : cases) EXPECT_EQ(AddressOf(peer), address) << peer;
}

TEST(CallLimiterTest, WithoutLimitsNothingIsCounted) {
  CallLimiter limiter({.connection = {}});
  const Call call(&limiter, "", /*bytes=*/std::size_t{1} << 40);
  EXPECT_THAT(call.status, IsOk());
  EXPECT_EQ(limiter.size(), 0);
}

TEST(CallLimiterTest, CountsCallsAtOnceOfEachCaller) {
  CallLimiter limiter({.caller = {.calls = 2}, .connection = {}});
  auto first = std::make_unique<Call>(&limiter, "a");
  const Call second(&limiter, "a");
  for (int i = 0; i < 3; ++i) {
    const Call third(&limiter, "a");
    EXPECT_EQ(third.reason(), "TOO_MANY_CALLS");
    EXPECT_EQ(third.status.message(), "the caller a may have 2 calls at once; 2 are under way");
    EXPECT_GT(GetErrorDetails(third.status).retry_after, absl::ZeroDuration());
    EXPECT_THAT(Call(&limiter, "b").status, IsOk());
  }
  EXPECT_EQ(limiter.refused(LimitedParty::kCaller, LimitKind::kCalls), 3);
  EXPECT_EQ(limiter.refused(LimitedParty::kConnection, LimitKind::kCalls), 0);
  first.reset();
  EXPECT_THAT(Call(&limiter, "a").status, IsOk());
}

TEST(CallLimiterTest, NobodyInParticularIsTheirAddress) {
  CallLimiter limiter({.caller = {.calls = 1}, .connection = {}});
  const Call one(&limiter, "", 0, nullptr, "ipv4:10.0.0.1:5000");
  EXPECT_EQ(Call(&limiter, "", 0, nullptr, "ipv4:10.0.0.1:5001").reason(), "TOO_MANY_CALLS");
  EXPECT_THAT(Call(&limiter, "", 0, nullptr, "ipv4:10.0.0.2:5000").status, IsOk());
}

TEST(CallLimiterTest, CountsBytesOnTheirWayAndLetsOneCallThroughWhateverItsSize) {
  CallLimiter limiter({.connection = {.bytes = 100}});
  {
    const Call large(&limiter, "", 1000);
    EXPECT_THAT(large.status, IsOk());
    EXPECT_EQ(Call(&limiter, "", 1).reason(), "TOO_MANY_BYTES");
    EXPECT_THAT(Call(&limiter, "", 1, nullptr, "ipv4:10.0.0.1:6000").status, IsOk());
  }
  const Call small(&limiter, "", 40);
  const Call fits(&limiter, "", 60);
  EXPECT_THAT(fits.status, IsOk());
  const Call exceeds(&limiter, "", 1);
  EXPECT_EQ(exceeds.status.message(),
            "the connection ipv4:10.0.0.1:5000 may have 100 bytes on their way; 100 are, and 1 "
            "more came");
}

TEST(CallLimiterTest, CountsCallsASecondAndSaysWhenTheNextMayCome) {
  CallLimiter limiter({.caller = {.per_second = 10}, .connection = {}});
  for (int i = 0; i < 10; ++i) EXPECT_THAT(Call(&limiter, "a").status, IsOk());
  // The machine may be slow, but comes to an end of what may come at once.
  absl::Status refused;
  while (refused.ok()) refused = Call(&limiter, "a").status;
  const ErrorDetails details = GetErrorDetails(refused);
  EXPECT_EQ(details.reason, "RATE_EXCEEDED");
  EXPECT_GT(details.retry_after, absl::ZeroDuration());
  EXPECT_LE(details.retry_after, absl::Milliseconds(100));
  EXPECT_THAT(Call(&limiter, "b").status, IsOk());
  absl::SleepFor(details.retry_after);
  EXPECT_THAT(Call(&limiter, "a").status, IsOk());
}

TEST(CallLimiterTest, StreamsWaitForTheirRateAndForHalfOfTheBytes) {
  CallLimiter limiter({.caller = {.per_second = 5}, .connection = {.bytes = 100}});
  Call stream(&limiter, "a");
  EXPECT_EQ(stream.share.ReadPause(), absl::ZeroDuration());
  stream.share.AddMessage(50);
  EXPECT_EQ(stream.share.ReadPause(), absl::ZeroDuration());
  stream.share.AddMessage(10);
  EXPECT_GT(stream.share.ReadPause(), absl::ZeroDuration());
  EXPECT_THAT(Call(&limiter, "b", 40).status, IsOk()) << "the other half is for calls";
  stream.share.Answered(60);
  for (int i = 0; i < 1000; ++i) stream.share.AddMessage(0);
  EXPECT_EQ(stream.share.ReadPause(), absl::Milliseconds(250));
  EXPECT_EQ(Call(&limiter, "a").reason(), "RATE_EXCEEDED");
}

TEST(CallLimiterTest, OneCallerMayHaveOtherLimitsAndGetThemWhileAStreamGoesOn) {
  CallLimiter limiter({.caller = {.calls = 1}, .connection = {}});
  const LimitOverrides more = {.calls = 3};
  const LimitOverrides any = {.calls = 0};
  const Call one(&limiter, "a", 0, &more);
  const Call two(&limiter, "a", 0, &more);
  const Call three(&limiter, "a", 0, &any);
  const Call four(&limiter, "a", 0, &any);
  EXPECT_THAT(four.status, IsOk());
  EXPECT_EQ(Call(&limiter, "a", 0, &more).reason(), "TOO_MANY_CALLS");

  Call stream(&limiter, "b");
  stream.share.AddMessage(10);
  EXPECT_EQ(stream.share.ReadPause(), absl::ZeroDuration());
  const LimitOverrides less = {.bytes = 4};
  stream.share.SetOverrides(&less);
  EXPECT_GT(stream.share.ReadPause(), absl::ZeroDuration());
  stream.share.SetOverrides(nullptr);
  EXPECT_EQ(stream.share.ReadPause(), absl::ZeroDuration());
}

// Callers and connections come and go.
TEST(CallLimiterTest, ForgetsThoseThatAreDone) {
  CallLimiter limiter({.caller = {.calls = 1}, .connection = {.bytes = 100}});
  {
    const Call call(&limiter, "a");
    const Call refused(&limiter, "a");
    EXPECT_EQ(limiter.size(), 2);
  }
  EXPECT_EQ(limiter.size(), 0);

  // With a rate it is remembered for as long as what came counts, and not much longer.
  CallLimiter rated({.caller = {.per_second = 1 << 24}, .connection = {}});
  const Call stays(&rated, "stays");
  for (int i = 0; i < 20000; ++i) EXPECT_THAT(Call(&rated, absl::StrCat("a", i)).status, IsOk());
  EXPECT_LE(rated.size(), 4096);
}

}  // namespace
}  // namespace descent::services
