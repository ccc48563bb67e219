#include "server/ops/refusal_log.h"

#include <grpcpp/server_context.h>

#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "clock/steady.h"
#include "gtest/gtest.h"
#include "server/access/refusal.h"

namespace descent::ops {
namespace {

using access::Refusal;

TEST(LineAllowanceTest, LetsSomeThroughAtOnceAndThenOneASecond) {
  LineAllowance lines;
  const absl::Time start = SteadyNow();
  for (int i = 0; i < LineAllowance::kAtOnce; ++i) EXPECT_EQ(lines.Take(start), 0) << i;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(lines.Take(start), std::nullopt);
  EXPECT_EQ(lines.Take(start + absl::Milliseconds(900)), std::nullopt);
  EXPECT_EQ(lines.Take(start + absl::Milliseconds(1001)), 6) << "those that were withheld";
  EXPECT_EQ(lines.Take(start + absl::Milliseconds(1002)), std::nullopt);
  const absl::Time later = start + absl::Hours(1);
  EXPECT_EQ(lines.Take(later), 1);
  for (int i = 1; i < LineAllowance::kAtOnce; ++i) EXPECT_EQ(lines.Take(later), 0) << i;
  EXPECT_EQ(lines.Take(later), std::nullopt) << "an hour of silence allows no flood";
}

TEST(RefusalLogTest, CountsRefusalsAndNoOtherEnd) {
  RefusalLog log;
  const grpc::CallbackServerContext context;
  const auto end = [&](const absl::Status& status) {
    log.OnCallEnd({.name = {"descent.v1.NetworkService", "Step"},
                   .model = "m",
                   .caller = "",
                   .status = status,
                   .duration = absl::Milliseconds(1),
                   .received_bytes = 0,
                   .sent_bytes = 0,
                   .context = context});
  };
  end(absl::OkStatus());
  end(absl::NotFoundError("no such model"));
  end(absl::PermissionDeniedError("of somebody else"));
  for (std::size_t i = 0; i < access::kRefusals; ++i) {
    EXPECT_EQ(log.counts().of(static_cast<Refusal>(i)), 0);
    for (std::size_t times = 0; times <= i; ++times) {
      end(access::Refuse(static_cast<Refusal>(i), "no"));
    }
  }
  for (std::size_t i = 0; i < access::kRefusals; ++i) {
    EXPECT_EQ(log.counts().of(static_cast<Refusal>(i)), i + 1);
  }
}

}  // namespace
}  // namespace descent::ops
