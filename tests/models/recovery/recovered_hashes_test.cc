// Hashes in the journal are compared while it is applied again.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/models/recovery/recovery.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/models/recovery/recovery_fixture.h"
#include "tests/models/sample_models.h"
#include "tests/support/status_matchers.h"

namespace descent::models {
namespace {

using ::descent::testing::IsOk;
using ::descent::testing::StatusIs;
using ::testing::HasSubstr;

// What is said of a model's recovery.
class Recorder final : public RecoveryObserver {
 public:
  void OnProgress(const std::string& /*model*/, std::int64_t /*replayed*/,
                  std::int64_t /*remaining_bytes*/) override {}
  void OnModel(const std::string& /*model*/, const absl::Status& model_status,
               const Replayed& model_replayed, absl::Duration /*duration*/) override {
    status = model_status;
    replayed = model_replayed;
  }

  absl::Status status;
  Replayed replayed;
};

// A journal with a hash that applying it does not give, as damage that only arithmetic shows.
class WrongHashTest : public RecoveryTest {
 protected:
  WrongHashTest() {
    options_.instruction_set = "x86-64";
    Reopen();
    const auto model = Create("m", Durability::kJournal);
    StepMany(*model, 1, 5);
    store::UpdateRecord record;
    record.update = store::BatchUpdate{SampleBatch(*model->network(), 6), std::nullopt};
    record.time = absl::Now();
    record.result.step = 6;
    record.state_hash = HashAfter(SampleNetwork(), Seeds(6)) ^ 1;
    registry_.reset();
    Append(std::move(record));
    options_.instruction_set = "aarch64";
  }

  void Append(store::UpdateRecord record) {
    auto store = store::OpenSqliteStore(options_);
    ASSERT_THAT(store, IsOk());
    const auto stored = (*store)->TakeStoredModels();
    ASSERT_THAT(stored[0]->Base(), IsOk());
    while (!stored[0]->NextRecords()->empty()) continue;
    absl::Notification kept;
    const auto journal = stored[0]->TakeJournal();
    journal->Append(std::move(record), nullptr,
                    [&](const absl::StatusOr<std::int64_t>& /*step*/) { kept.Notify(); });
    kept.WaitForNotification();
  }

  void Recover() {
    auto store = store::OpenSqliteStore(options_);
    ASSERT_THAT(store, IsOk());
    registry_ = std::make_unique<Registry>(ModelsOptions{}, *std::move(store));
    absl::Notification recovered;
    registry_->Recover([&](const RecoverySummary& /*summary*/) { recovered.Notify(); }, &recorder_);
    recovered.WaitForNotification();
  }

  Recorder recorder_;
};

TEST_F(WrongHashTest, IsNoticedOnAnotherInstructionSet) {
  Recover();
  EXPECT_THAT(recorder_.status,
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("the state at step 6 is not the one whose hash was recorded")));
}

TEST_F(WrongHashTest, ByAnotherEngineVersionIsAppliedAndSaid) {
  ++options_.engine_version;
  Recover();
  EXPECT_THAT(recorder_.status, IsOk());
  EXPECT_EQ(recorder_.replayed.updates, 6);
  EXPECT_EQ(recorder_.replayed.of_other_engines, 6);
  EXPECT_EQ(recorder_.replayed.compared_hashes, 0);
  EXPECT_EQ(Info(*Find())->state_hash, HashAfter(SampleNetwork(), Seeds(6)));
}

}  // namespace
}  // namespace descent::models
