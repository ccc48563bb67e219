// A line for every call, whatever callers put into it, and a file that may be moved away or have no
// room.

#include "server/ops/access_log.h"

#include <grpcpp/server_context.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/ops/log_file.h"

namespace descent::ops {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

std::vector<std::string> LinesOf(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

class AccessLogTest : public ::testing::Test {
 protected:
  AccessLogTest() : path_(absl::StrCat(::testing::TempDir(), "/access_", getpid(), ".log")) {}
  ~AccessLogTest() override { std::filesystem::remove(path_); }

  services::CallRecord Record(const absl::Status& status) const {
    return {.name = {"descent.v1.NetworkService", "Predict"},
            .model = "housing",
            .caller = "web",
            .status = status,
            .duration = absl::Microseconds(250),
            .received_bytes = 120,
            .sent_bytes = 40,
            .context = context_};
  }

  const grpc::CallbackServerContext context_;
  const std::string path_;
};

TEST_F(AccessLogTest, ALineIsAnObjectWithWhatIsKnownOfTheCall) {
  const absl::Time begin = absl::FromUnixMillis(1769860800123);
  EXPECT_THAT(
      AccessLog::Line(Record(absl::OkStatus()), begin),
      ::testing::StartsWith(
          R"({"time":"2026-01-31T12:00:00.123Z","method":"/descent.v1.NetworkService/Predict",)"
          R"("model":"housing","caller":"web","peer":")"));
  const auto failed = nlohmann::json::parse(AccessLog::Line(
      Record(Error(absl::StatusCode::kResourceExhausted, "QUEUE_FULL", "full")), begin));
  EXPECT_EQ(failed["code"], "RESOURCE_EXHAUSTED");
  EXPECT_EQ(failed["reason"], "QUEUE_FULL");
  EXPECT_EQ(failed["received_bytes"], 120);
  EXPECT_EQ(failed["sent_bytes"], 40);
  EXPECT_EQ(failed["milliseconds"], 0.25);
  EXPECT_FALSE(failed.contains("trace_id"));
}

// Names and ids come from callers as they like, before anybody has looked at them.
TEST_F(AccessLogTest, NothingThatACallerSendsMakesAnotherLine) {
  const absl::Status ok;
  for (const std::string& text :
       {std::string("a\nb"), std::string("\r\n{\"code\":\"OK\"}"), std::string("\",\"code\":\"OK"),
        std::string("\\"), std::string("\0nul", 4), std::string("\x1b[2J"), std::string("\xff\xfe"),
        std::string("\u2028"), std::string("\x7f"), std::string(10'000, '"')}) {
    services::CallRecord record = Record(ok);
    record.model = text;
    record.caller = text;
    record.request_id = text;
    const std::string line = AccessLog::Line(record, absl::Now());
    for (const char c : line) EXPECT_TRUE(c < 0 || c >= ' ') << line;
    const auto parsed = nlohmann::json::parse(line);
    EXPECT_EQ(parsed["code"], "OK");
    EXPECT_EQ(parsed["model"], parsed["request_id"]);
    const bool is_utf8 = text[0] != '\xff';
    if (is_utf8) {
      EXPECT_EQ(parsed["model"], text);
    }
  }
}

TEST_F(AccessLogTest, WritesEveryCallOfManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 500;
  {
    auto log = AccessLog::Open(path_);
    ASSERT_TRUE(log.ok()) << log.status();
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        const absl::Status ok;
        for (int j = 0; j < kCalls; ++j) (*log)->OnCallEnd(Record(ok));
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  const std::vector<std::string> lines = LinesOf(path_);
  ASSERT_THAT(lines, SizeIs(kThreads * kCalls));
  for (const std::string& line : lines) EXPECT_TRUE(nlohmann::json::accept(line)) << line;
}

TEST_F(AccessLogTest, AFileThatWasMovedAwayIsBegunAnew) {
  auto file = LogFile::Open(path_, "the log");
  ASSERT_TRUE(file.ok()) << file.status();
  (*file)->Append("one");
  (*file)->Flush();
  std::filesystem::rename(path_, path_ + ".1");
  (*file)->Append("two");
  (*file)->Flush();
  EXPECT_EQ(LinesOf(path_ + ".1"), std::vector<std::string>{"one"});
  EXPECT_EQ(LinesOf(path_), std::vector<std::string>{"two"});
  std::filesystem::remove(path_ + ".1");
  // Cut short in its place, as logrotate's copytruncate does.
  std::filesystem::resize_file(path_, 0);
  (*file)->Append("three");
  (*file)->Flush();
  EXPECT_EQ(LinesOf(path_), std::vector<std::string>{"three"});
}

TEST_F(AccessLogTest, AFullDiskLosesLinesAndHoldsUpNobody) {
  std::signal(SIGXFSZ, SIG_IGN);
  auto file = LogFile::Open(path_, "the log");
  ASSERT_TRUE(file.ok()) << file.status();
  (*file)->Append("before");
  (*file)->Flush();
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = 10;
  setrlimit(RLIMIT_FSIZE, &small);
  (*file)->Append("a line that is cut");
  (*file)->Append("and one that has no room");
  (*file)->Flush();
  (*file)->Append("nor has this");
  (*file)->Flush();
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ((*file)->dropped(), 3);
  (*file)->Append("after");
  (*file)->Flush();
  EXPECT_EQ(LinesOf(path_), (std::vector<std::string>{"before", "a l", "after"}));
}

TEST_F(AccessLogTest, HoldsNoMoreThanItsBound) {
  auto file = LogFile::Open("/dev/full", "the log");
  ASSERT_TRUE(file.ok()) << file.status();
  const std::string line(LogFile::kMostHeld / 8, 'x');
  for (int i = 0; i < 100; ++i) (*file)->Append(line);
  (*file)->Flush();
  EXPECT_EQ((*file)->dropped(), 100);
}

TEST_F(AccessLogTest, AFileThatCantBeMadeIsAnErrorWithItsName) {
  const auto log = AccessLog::Open("/nowhere/access.log");
  ASSERT_FALSE(log.ok());
  EXPECT_THAT(std::string(log.status().message()),
              HasSubstr("/nowhere/access.log: No such file or directory"));
}

}  // namespace
}  // namespace descent::ops
