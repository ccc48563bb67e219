// A data directory that goes away under a store: nothing is acknowledged into files that nobody
// will find.

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "absl/time/clock.h"
#include "clock/steady.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/files/file_identity.h"
#include "tests/store/live_model.h"
#include "tests/store/store_fixture.h"
#include "tests/support/status_matchers.h"

namespace descent::store {
namespace {

using ::descent::testing::IsOk;
using ::descent::testing::ReasonIs;
using ::descent::testing::StatusIs;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

TEST(FileIdentityTest, KnowsTheFileThatItWasMadeOf) {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/file";
  std::ofstream(path) << "x";
  const FileIdentity identity = FileIdentity::Of(path);
  EXPECT_THAT(identity.Check(), IsOk());
  std::ofstream(path, std::ios::app) << "y";
  std::filesystem::permissions(path, std::filesystem::perms::none);
  EXPECT_THAT(identity.Check(), IsOk());
  std::filesystem::rename(path, path + ".moved");
  EXPECT_THAT(identity.Check(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("deleted or moved away")));
  std::ofstream(path) << "x";
  EXPECT_THAT(identity.Check(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("replaced")));
  EXPECT_THAT(FileIdentity::Of(path + ".none").Check(), IsOk()) << "of nothing";
  EXPECT_THAT(FileIdentity().Check(), IsOk());
}

class FilesGoneTest : public StoreFixture {
 protected:
  // A store with a model that has taken a step; then what becomes of its directory.
  void MakeStoreAnd(const std::function<void(const std::string& directory)>& happens) {
    Open();
    model_ = Create(SampleSettings("a"));
    ASSERT_THAT(model_->StepNow(1), IsOk());
    happens(options_.directory);
  }
  ~FilesGoneTest() override { model_ = nullptr; }

  std::unique_ptr<LiveModel> model_;
};

struct Event {
  const char* name;
  std::function<void(const std::string& directory)> happens;
};

void PrintTo(const Event& event, std::ostream* out) { *out << event.name; }

const Event kEvents[] = {
    {"Deleted", [](const std::string& directory) { std::filesystem::remove_all(directory); }},
    {"Moved",
     [](const std::string& directory) {
       std::filesystem::rename(directory, directory + ".moved");
     }},
    {"MadeAnew",
     [](const std::string& directory) {
       std::filesystem::remove_all(directory);
       std::filesystem::create_directory(directory);
     }},
    {"Replaced",
     [](const std::string& directory) {
       std::filesystem::rename(directory, directory + ".moved");
       std::filesystem::copy(directory + ".moved", directory);
     }},
    {"OnlyTheJournalDeleted",
     [](const std::string& directory) { std::filesystem::remove(directory + "/journal.0"); }},
    {"OnlyTheLogDeleted",
     [](const std::string& directory) { std::filesystem::remove(directory + "/descent.db-wal"); }},
    {"OnlyTheDatabaseDeleted",
     [](const std::string& directory) { std::filesystem::remove(directory + "/descent.db"); }},
};

class EveryFilesGoneTest : public FilesGoneTest, public ::testing::WithParamInterface<Event> {};

TEST_P(EveryFilesGoneTest, NothingIsAcknowledgedAnyMore) {
  MakeStoreAnd(GetParam().happens);
  absl::SleepFor(absl::Milliseconds(15));  // what a commit is not written to may be seen later
  EXPECT_THAT(model_->StepNow(2),
              AllOf(ReasonIs("STORAGE_FAILED"),
                    StatusIs(absl::StatusCode::kUnavailable,
                             AnyOf(HasSubstr("deleted or moved"), HasSubstr("replaced")))));
  EXPECT_THAT(store_->status(), ReasonIs("STORAGE_FAILED"));
}

TEST_P(EveryFilesGoneTest, ItIsNoticedWithoutAChange) {
  MakeStoreAnd(GetParam().happens);
  const absl::Time deadline = SteadyNow() + absl::Seconds(60);
  while (store_->status().ok() && SteadyNow() < deadline) absl::SleepFor(absl::Milliseconds(5));
  EXPECT_THAT(store_->status(), ReasonIs("STORAGE_FAILED"));
}

INSTANTIATE_TEST_SUITE_P(Events, EveryFilesGoneTest, ::testing::ValuesIn(kEvents),
                         [](const auto& event) { return event.param.name; });

TEST_F(FilesGoneTest, RightsThatAreTakenDoNotMatterToOpenFiles) {
  MakeStoreAnd([](const std::string& directory) {
    for (const auto& file : std::filesystem::directory_iterator(directory)) {
      std::filesystem::permissions(file, std::filesystem::perms::none);
    }
  });
  EXPECT_THAT(model_->StepNow(2), IsOk());
}

}  // namespace
}  // namespace descent::store
