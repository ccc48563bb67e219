// Checkpoints through the real server, which keeps them in memory here.

#include <string>

#include "tests/services/service_fixture.h"

namespace descent::testing {
namespace {

using absl::StatusCode;
using ::testing::ElementsAre;

class CheckpointTest : public ServiceTest {
 protected:
  void SetUp() override { Create(LineModel("line")); }

  void Train(int steps) {
    for (int i = 0; i < steps; ++i) {
      const auto answer = client_->Call(StepOf("line", LineBatch(4, ++seed_)));
      ASSERT_TRUE(answer.ok()) << answer;
    }
  }

  v1::Checkpoint Save() {
    const auto answer = client_->Call(FromText<v1::CreateCheckpointRequest>("model: 'line'"));
    EXPECT_TRUE(answer.ok()) << answer;
    return answer->checkpoint();
  }

  // The steps of the checkpoints on one page, and its token.
  std::string List(const std::string& page = "", std::string* next = nullptr) {
    auto request = FromText<v1::ListCheckpointsRequest>("model: 'line' " + page);
    const auto answer = client_->Call(request);
    EXPECT_TRUE(answer.ok()) << answer;
    std::string steps;
    for (const auto& checkpoint : answer->checkpoints()) {
      steps += std::to_string(checkpoint.step()) + " ";
    }
    if (next != nullptr) *next = answer->next_page_token();
    return steps;
  }

  unsigned seed_ = 0;
};

TEST_F(CheckpointTest, SaysWhatItSaved) {
  Train(3);
  const v1::Checkpoint checkpoint = Save();
  EXPECT_EQ(checkpoint.step(), 3);
  EXPECT_EQ(checkpoint.state_hash(), Get("line").state_hash());
  EXPECT_GT(checkpoint.size_bytes(), 0);
  EXPECT_GT(checkpoint.create_time().seconds(), 0);
  Train(1);
  EXPECT_NE(Save().state_hash(), checkpoint.state_hash());
}

TEST_F(CheckpointTest, AreListedNewestFirstOnPages) {
  for (int i = 0; i < 3; ++i) {
    Train(2);
    Save();
  }
  EXPECT_EQ(List(), "6 4 2 ");
  std::string token;
  EXPECT_EQ(List("page_size: 2", &token), "6 4 ");
  EXPECT_EQ(List("page_size: 2 page_token: '" + token + "'", &token), "2 ");
  EXPECT_EQ(token, "");
  const auto bad = client_->Call(
      FromText<v1::ListCheckpointsRequest>("model: 'line' page_token: 'not one of ours'"));
  EXPECT_THAT(bad.status.fields, ElementsAre("page_token"));
}

TEST_F(CheckpointTest, RestoringGoesBackToTheBit) {
  Train(3);
  const v1::Checkpoint checkpoint = Save();
  Train(5);
  const v1::Model later = Get("line");

  auto request = FromText<v1::RestoreCheckpointRequest>(
      "model: 'line' step: 3 expected_step: 8 request_id: 'back'");
  const auto restored = client_->Call(request);
  ASSERT_TRUE(restored.ok()) << restored;
  EXPECT_EQ(restored->model().step(), 3);
  EXPECT_EQ(restored->model().state_hash(), checkpoint.state_hash());
  EXPECT_EQ(Get("line").step(), 3);

  seed_ = 3;
  Train(5);
  EXPECT_EQ(Get("line").state_hash(), later.state_hash()) << "the same batches, the same bits";
  const auto repeat = client_->Call(request);
  EXPECT_EQ(repeat->model().step(), 3);
  EXPECT_EQ(Get("line").step(), 8) << "a repeat changes nothing";
  request.set_step(4);
  EXPECT_THAT(client_->Call(request), FailsWith(StatusCode::kAlreadyExists, "REQUEST_ID_REUSED"));
}

TEST_F(CheckpointTest, RestoringRefusesWhatIsNotThere) {
  Train(2);
  Save();
  EXPECT_THAT(client_->Call(FromText<v1::RestoreCheckpointRequest>("model: 'line' step: 1")),
              FailsWith(StatusCode::kNotFound, "CHECKPOINT_NOT_FOUND"));
  EXPECT_THAT(client_->Call(
                  FromText<v1::RestoreCheckpointRequest>("model: 'line' step: 2 expected_step: 7")),
              FailsWith(StatusCode::kAborted, "STEP_MISMATCH"));
  EXPECT_EQ(Get("line").step(), 2);
}

TEST_F(CheckpointTest, DeletingIsSafeToRepeat) {
  Train(1);
  Save();
  Train(1);
  Save();
  const auto request =
      FromText<v1::DeleteCheckpointRequest>("model: 'line' step: 1 request_id: 'bye'");
  EXPECT_TRUE(client_->Call(request).ok());
  EXPECT_TRUE(client_->Call(request).ok());
  EXPECT_EQ(List(), "2 ");
  EXPECT_THAT(client_->Call(FromText<v1::DeleteCheckpointRequest>("model: 'line' step: 1")),
              FailsWith(StatusCode::kNotFound, "CHECKPOINT_NOT_FOUND"));
}

TEST_F(CheckpointTest, NeedAModelAndKnownFields) {
  EXPECT_THAT(client_->Call(FromText<v1::CreateCheckpointRequest>("model: 'nobody'")),
              FailsWith(StatusCode::kNotFound, "MODEL_NOT_FOUND"));
  EXPECT_THAT(client_->Call(v1::ListCheckpointsRequest()), FailsAt("model", "REQUIRED_FIELD"));
  EXPECT_THAT(client_->Call(FromText<v1::RestoreCheckpointRequest>("model: 'line' step: -1")),
              FailsAt("step", "INVALID_FIELD"));
  auto unknown = FromText<v1::DeleteCheckpointRequest>("model: 'line'");
  unknown.GetReflection()->MutableUnknownFields(&unknown)->AddVarint(99, 1);
  EXPECT_EQ(client_->Call(unknown).status.reason, "UNKNOWN_FIELD");
}

}  // namespace
}  // namespace descent::testing
