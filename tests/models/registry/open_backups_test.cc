// Few backups at once, and none that nobody reads.

#include "server/models/registry/open_backups.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "clock/steady.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/models/replies.h"
#include "tests/support/status_matchers.h"

namespace descent::models {
namespace {

using ::descent::testing::IsOk;
using ::descent::testing::ReasonIs;

class ABackup final : public store::Backup {
 public:
  explicit ABackup(int* files) : files_(files) { ++*files_; }
  ~ABackup() override { --*files_; }
  std::int64_t size_bytes() const override { return 3; }
  absl::StatusOr<std::string> Read(std::size_t /*most*/) override { return std::string("abc"); }

 private:
  int* const files_;
};

class OpenBackupsTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::shared_ptr<BackupReading>> Open(absl::Time now) {
    absl::StatusOr<OpenBackups::Place> place = backups_.TakePlace(now);
    if (!place.ok()) return place.status();
    return backups_.Open(std::make_unique<ABackup>(&files_), *std::move(place));
  }
  static absl::StatusOr<std::string> Read(BackupReading& reading) {
    return Await<std::string>(
        [&](Reply<std::string> reply) { reading.Next(10, std::move(reply)); });
  }

  const absl::Time now_ = SteadyNow();
  int files_ = 0;
  Executor readers_{"test", 1};
  OpenBackups backups_{2, &readers_};
};

TEST_F(OpenBackupsTest, AreFewAtOnce) {
  auto first = Open(now_);
  auto second = Open(now_);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_THAT(Open(now_), ReasonIs("TOO_MANY_BACKUPS"));
  EXPECT_EQ(files_, 2);
  first->reset();
  EXPECT_THAT(Open(now_), IsOk());
}

TEST_F(OpenBackupsTest, OneThatNobodyReadsMakesRoom) {
  const auto unread = Open(now_);
  const auto read = Open(now_);
  ASSERT_THAT(read, IsOk());
  absl::SleepFor(absl::Milliseconds(2));
  EXPECT_THAT(Read(**read), IsOk());
  const auto third = Open(now_ + absl::Seconds(6));
  EXPECT_THAT(third, IsOk());
  EXPECT_EQ(files_, 2);
  EXPECT_THAT(Read(**unread), ReasonIs("BACKUP_UNREAD"));
  EXPECT_THAT(Read(**read), IsOk());
}

TEST_F(OpenBackupsTest, NoneIsKeptThatNobodyReads) {
  const auto first = Open(now_);
  const auto second = Open(now_);
  backups_.CloseUnread(now_ + absl::Seconds(50));
  EXPECT_EQ(files_, 2);
  backups_.CloseUnread(now_ + absl::Seconds(70));
  EXPECT_EQ(files_, 0);
}

}  // namespace
}  // namespace descent::models
