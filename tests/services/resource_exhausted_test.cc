// Every RESOURCE_EXHAUSTED that there is: those that pass by themselves come with the advice to
// call again, and those that calling again does not help come without.

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <new>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/error.h"
#include "core/exceptions.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/models/errors.h"
#include "server/models/work/memory_budget.h"
#include "server/services/call_limiter.h"
#include "server/services/open_streams.h"
#include "server/store/errors.h"
#include "tests/support/paths.h"

namespace descent {
namespace {

using models::MemoryBudget;
using models::MemoryPurpose;
using services::CallLimiter;
using services::CallShare;

absl::Status TooManyStreams() {
  absl::Status ended;
  services::OpenStreams streams(1);
  const services::OpenStream first(&streams, "a",
                                   [&](const absl::Status& status) { ended = status; });
  const services::OpenStream second(&streams, "a", [](const absl::Status&) {});
  return ended;
}

// The second of two calls with 10 bytes.
absl::Status OverLimit(const services::CallerLimits& limits) {
  CallLimiter limiter({.caller = limits, .connection = {}});
  CallShare first;
  CallShare second;
  const auto peer = [] { return std::string("unix:"); };
  EXPECT_TRUE(limiter.Enter("a", nullptr, peer, 10, &first).ok());
  return limiter.Enter("a", nullptr, peer, 10, &second);
}

// Of `bytes` for work, or for what stands, in a budget of 1 MB of which a half is in use by work.
absl::Status OverBudget(MemoryPurpose purpose, std::size_t bytes) {
  const auto budget = MemoryBudget::Create(1'000'000);
  const auto held = budget->Reserve(MemoryPurpose::kHeldWork, 500'000);
  EXPECT_TRUE(held.ok());
  return budget->Reserve(purpose, bytes).status();
}

absl::Status OutOfMemory() {
  return CatchExceptions([]() -> absl::Status { throw std::bad_alloc(); });
}

TEST(ResourceExhaustedTest, AdvisesToCallAgainWhereThatHelps) {
  constexpr absl::Duration kDelay = absl::Milliseconds(100);
  const struct {
    absl::Status status;
    std::string reason;
    bool passes;
  } cases[] = {
      {models::QueueFull("updates", "items", 4, kDelay), "QUEUE_FULL", true},
      {models::TooManySessions(4096), "TOO_MANY_SESSIONS", true},
      {models::TooManyBackups(4, kDelay), "TOO_MANY_BACKUPS", true},
      {store::StorageFull("no room"), "STORAGE_FULL", true},
      {TooManyStreams(), "TOO_MANY_STREAMS", true},
      {OverLimit({.calls = 1}), "TOO_MANY_CALLS", true},
      {OverLimit({.per_second = 1}), "RATE_EXCEEDED", true},
      {OverLimit({.bytes = 15}), "TOO_MANY_BYTES", true},
      {OverBudget(MemoryPurpose::kWorkspaces, 600'000), "MEMORY_BUDGET", true},
      {OverBudget(MemoryPurpose::kModels, 700'000), "MEMORY_BUDGET", true},
      {OverBudget(MemoryPurpose::kModels, 800'000), "MEMORY_BUDGET", false},
      {OverBudget(MemoryPurpose::kReceived, 1'000'000), "MEMORY_BUDGET", false},
      {models::TooManyModels(4), "TOO_MANY_MODELS", false},
      {models::BatchTooLarge(10, 1e9, 1 << 20), "BATCH_TOO_LARGE", false},
      {models::AnswerTooLarge(1e9, 1 << 20, "fewer rows"), "ANSWER_TOO_LARGE", false},
      {models::EvaluationTooLarge(4), "EVALUATION_TOO_LARGE", false},
      {OutOfMemory(), "OUT_OF_MEMORY", false},
  };
  std::set<std::string> told = {"UPDATE_TOO_LARGE"};  // takes an update of a gigabyte
  for (const auto& [status, reason, passes] : cases) {
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    const ErrorDetails details = GetErrorDetails(status);
    EXPECT_EQ(details.reason, reason) << status;
    EXPECT_EQ(details.retry_after > absl::ZeroDuration(), passes) << status;
    told.insert(reason);
  }

  // Whoever adds one says which kind it is.
  const std::regex made(R"re(kResourceExhausted,\s*"([A-Z_]+)")re");
  std::set<std::string> written = {"TOO_MANY_CALLS", "RATE_EXCEEDED", "TOO_MANY_BYTES"};
  for (const char* room : {"core", "server"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(
             std::filesystem::path(testing::SourceDir()) / room)) {
      if (entry.path().extension() != ".cc") continue;
      std::stringstream text;
      text << std::ifstream(entry.path()).rdbuf();
      const std::string source = text.str();
      for (std::sregex_iterator i(source.begin(), source.end(), made), end; i != end; ++i) {
        written.insert((*i)[1]);
      }
    }
  }
  EXPECT_EQ(told, written);
}

}  // namespace
}  // namespace descent
