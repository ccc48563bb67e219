#include "client/descent/backup.h"

#include <atomic>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "client/descent/client.h"
#include "client/descent/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_server.h"

namespace descent::client {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;

const grpc::Status kUnavailable(grpc::StatusCode::UNAVAILABLE, "away");

class BackupTest : public ::testing::Test {
 protected:
  BackupTest() { server_.SetBackup({"first,", "second,", "third"}); }

  static ClientOptions Impatient() {
    ClientOptions options;
    options.retry.initial_backoff = absl::Milliseconds(1);
    options.retry.max_backoff = absl::Milliseconds(5);
    return options;
  }

  absl::Status Run(const BackupOptions& options = {}) {
    return client_.Backup(
        [this](absl::string_view chunk, int64_t total_bytes) {
          EXPECT_EQ(total_bytes, 18);
          bytes_.append(chunk.data(), chunk.size());
          return absl::OkStatus();
        },
        options);
  }

  FakeServer server_;
  Client client_ = Client::Over(server_.Channel(), Impatient());
  std::string bytes_;
};

TEST_F(BackupTest, HandsOnEveryByteInOrder) {
  EXPECT_TRUE(Run().ok());
  EXPECT_EQ(bytes_, "first,second,third");
}

TEST_F(BackupTest, IsTriedAgainBeforeItHasBegun) {
  server_.Script({BackupScript{.refusal = kUnavailable}, BackupScript{.break_after = 0}});
  EXPECT_TRUE(Run().ok());
  EXPECT_EQ(bytes_, "first,second,third");
  EXPECT_EQ(server_.backups(), 3);
}

TEST_F(BackupTest, IsNotTriedAgainOnceItHasBegun) {
  server_.Script({BackupScript{.break_after = 1}});
  EXPECT_EQ(Run().code(), StatusCode::kUnavailable);
  EXPECT_EQ(bytes_, "first,");
  EXPECT_EQ(server_.backups(), 1);
}

TEST_F(BackupTest, BeginsAgainWhereTheSinkCan) {
  server_.Script({BackupScript{.break_after = 1}, BackupScript{.break_after = 2},
                  BackupScript{.refusal = kUnavailable}});
  int restarts = 0;
  const auto restart = [&] {
    bytes_.clear();
    ++restarts;
    return absl::OkStatus();
  };
  EXPECT_TRUE(Run({.restart = restart}).ok());
  EXPECT_EQ(bytes_, "first,second,third");
  EXPECT_EQ(restarts, 2);
  EXPECT_EQ(server_.backups(), 4);
}

TEST_F(BackupTest, AnErrorOfTheSinkIsNotTriedAgain) {
  const absl::Status status =
      client_.Backup([](absl::string_view, int64_t) { return absl::UnavailableError("no room"); },
                     {.restart = [] { return absl::OkStatus(); }});
  EXPECT_EQ(status.message(), "no room");
  EXPECT_EQ(server_.backups(), 1);
}

TEST_F(BackupTest, ARefusalIsReturned) {
  server_.Script({BackupScript{
      .refusal = RichStatus(grpc::StatusCode::UNIMPLEMENTED, "in memory only", "NO_STORAGE")}});
  const absl::Status status = Run();
  EXPECT_EQ(status.code(), StatusCode::kUnimplemented);
  EXPECT_EQ(GetErrorDetails(status).reason, "NO_STORAGE");
}

TEST_F(BackupTest, MissingBytesAreDataLoss) {
  server_.Script({BackupScript{.break_after = 2, .status = grpc::Status::OK}});
  const absl::Status status = Run();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("after 13 of 18 bytes"));
  server_.SetBackup({});
  EXPECT_EQ(Run().code(), StatusCode::kDataLoss);
}

TEST_F(BackupTest, AnErrorOfTheSinkEndsIt) {
  const absl::Status full = absl::ResourceExhaustedError("disk full");
  int chunks = 0;
  const absl::Status status = client_.Backup([&](absl::string_view, int64_t) {
    ++chunks;
    return full;
  });
  EXPECT_EQ(status, full);
  EXPECT_EQ(chunks, 1);
  EXPECT_EQ(server_.backups(), 1);
}

TEST_F(BackupTest, CanBeCancelledWhileTheServerIsStillAtIt) {
  server_.Script({BackupScript{.never_begins = true}});
  std::atomic<int> asked = 0;
  EXPECT_EQ(Run({.cancelled = [&] { return ++asked > 2; }}).code(), StatusCode::kCancelled);
  EXPECT_EQ(server_.backups(), 1);
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  while (server_.cancelled_backups() == 0 && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  EXPECT_EQ(server_.cancelled_backups(), 1);
}

TEST_F(BackupTest, HasADeadlineIfOneIsGiven) {
  server_.Script({BackupScript{.never_begins = true}});
  EXPECT_EQ(Run({.deadline = absl::Milliseconds(50)}).code(), StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace descent::client
