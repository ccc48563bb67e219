// A disk that fills while models train, and has room again: through the real server, on a real
// store whose file system fails on demand.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "tests/services/disk_service_fixture.h"
#include "tests/store/failing_vfs.h"

namespace descent::testing {
namespace {

using absl::StatusCode;

class FullDiskTest : public DiskServiceTest {
 protected:
  FullDiskTest() {
    vfs_name_ = vfs_.name();
    RestartOnDisk();
  }
  // The store before its file system.
  ~FullDiskTest() override { Stop(); }

  auto Step(const std::string& model, unsigned number) {
    v1::StepRequest request = StepOf(model, LineBatch(8, number));
    request.set_request_id(model + std::to_string(number));
    return client_->Call(request);
  }
  void StepMany(const std::string& model, unsigned first, unsigned last) {
    for (unsigned number = first; number <= last; ++number) {
      const auto answer = Step(model, number);
      ASSERT_TRUE(answer.ok()) << answer;
      ASSERT_EQ(answer->step(), number);
    }
  }
  std::int64_t PredictedStep(const std::string& model) {
    const auto answer = client_->Call(PredictOf(model, LineBatch(3, 1).inputs()));
    EXPECT_TRUE(answer.ok()) << answer;
    return answer->step();
  }

  store::FailingVfs vfs_;
};

TEST_F(FullDiskTest, StopsAcknowledgingAndGoesOnWithoutLossWhenThereIsRoom) {
  Create(LineModel("line"));
  Create(LineModel("idle"));
  v1::CreateModelRequest memory = LineModel("memory");
  memory.mutable_model()->set_durability(v1::DURABILITY_MEMORY);
  Create(memory);
  StepMany("line", 1, 10);
  StepMany("idle", 1, 3);
  TrainStream stream = client_->Train();
  ASSERT_TRUE(stream.Write(StartOf("line", "session")));
  ASSERT_TRUE(stream.Read()->has_ready());

  vfs_.write_result = SQLITE_FULL;
  EXPECT_THAT(Step("line", 11), FailsWith(StatusCode::kResourceExhausted, "STORAGE_FULL"));
  EXPECT_THAT(Step("line", 12), FailsWith(StatusCode::kResourceExhausted, "STORAGE_FULL"));
  EXPECT_THAT(Step("idle", 4), FailsWith(StatusCode::kResourceExhausted, "STORAGE_FULL"));
  EXPECT_THAT(client_->Call(LineModel("new")),
              FailsWith(StatusCode::kResourceExhausted, "STORAGE_FULL"));
  // The stream hears of it with its next batch.
  stream.Write(BatchOf(1, LineBatch(8, 99)));
  while (stream.Read().has_value()) {
  }
  EXPECT_EQ(stream.Finish().reason, "STORAGE_FULL");
  // What was acknowledged is still read, and what needs no disk goes on.
  EXPECT_EQ(PredictedStep("line"), 10);
  EXPECT_EQ(PredictedStep("idle"), 3);
  EXPECT_EQ(Get("line").step(), 10);
  StepMany("memory", 1, 10);
  v1::UpdateModelRequest raise;
  raise.mutable_model()->set_name("memory");
  raise.mutable_model()->set_durability(v1::DURABILITY_JOURNAL);
  raise.mutable_update_mask()->add_paths("durability");
  EXPECT_THAT(client_->Call(raise), FailsWith(StatusCode::kResourceExhausted, "STORAGE_FULL"));
  EXPECT_EQ(Get("memory").durability(), v1::DURABILITY_MEMORY);
  StepMany("memory", 11, 20);

  vfs_.write_result = SQLITE_OK;
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  auto answer = Step("line", 11);
  while (!answer.ok() && absl::Now() < deadline) {
    EXPECT_THAT(answer.status.reason, ::testing::AnyOf("STORAGE_FULL", "RECOVERING")) << answer;
    EXPECT_EQ(PredictedStep("line"), 10);
    absl::SleepFor(absl::Milliseconds(20));
    answer = Step("line", 11);
  }
  ASSERT_TRUE(answer.ok()) << answer;
  EXPECT_EQ(answer->step(), 11);
  EXPECT_FALSE(answer->replayed());
  StepMany("line", 12, 20);
  while (!(answer = Step("idle", 4)).ok() && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(20));
  }
  StepMany("idle", 5, 20);
  EXPECT_EQ(Get("line").state_hash(), Get("memory").state_hash());
  EXPECT_EQ(Get("idle").state_hash(), Get("memory").state_hash());

  const std::uint64_t hash = Get("line").state_hash();
  RestartOnDisk();
  EXPECT_EQ(Get("line").state_hash(), hash);
  EXPECT_EQ(Get("idle").state_hash(), hash);
  EXPECT_TRUE(Step("line", 20)->replayed());
}

TEST_F(FullDiskTest, AnImportIsRefusedWholeAndExportsGoOn) {
  Create(LineModel("line"));
  StepMany("line", 1, 3);
  v1::ExportModelRequest request;
  request.set_model("line");
  request.set_format(v1::EXPORT_FORMAT_SAFETENSORS);
  request.set_include_optimizer(true);
  const auto file = client_->Call(request);
  ASSERT_TRUE(file.ok()) << file.status;
  std::vector<v1::ImportModelRequest> import(2);
  import[0].mutable_start()->set_name("copy");
  import[0].mutable_start()->set_format(v1::EXPORT_FORMAT_SAFETENSORS);
  import[1].set_chunk(file->chunk());

  vfs_.write_result = SQLITE_FULL;
  EXPECT_THAT(client_->Call(import), FailsWith(StatusCode::kResourceExhausted, "STORAGE_FULL"));
  EXPECT_THAT(client_->Call(GetOf("copy")), FailsWith(StatusCode::kNotFound, "MODEL_NOT_FOUND"));
  EXPECT_EQ(client_->Call(request)->chunk(), file->chunk());

  vfs_.write_result = SQLITE_OK;
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  auto imported = client_->Call(import);
  while (!imported.ok() && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(20));
    imported = client_->Call(import);
  }
  ASSERT_TRUE(imported.ok()) << imported.status;
  RestartOnDisk();
  EXPECT_EQ(Get("copy").state_hash(), Get("line").state_hash());
  EXPECT_EQ(client_->Call(request)->chunk(), file->chunk());
}

}  // namespace
}  // namespace descent::testing
