// How training went, through the real server, on a real store and in memory.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/util/message_differencer.h"
#include "tests/services/disk_service_fixture.h"

namespace descent::testing {
namespace {

using absl::StatusCode;
using google::protobuf::util::MessageDifferencer;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr int kRows = 4;

// Whether models are kept in a file.
class HistoryTest : public DiskServiceTest, public ::testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) RestartOnDisk();
    Create(LineModel("line"));
  }

  // So many updates; the losses that they answered.
  std::vector<double> Train(int updates, const std::string& model = "line") {
    std::vector<double> losses;
    for (int i = 0; i < updates; ++i) {
      const auto answer = client_->Call(StepOf(model, LineBatch(kRows, ++seed_)));
      EXPECT_TRUE(answer.ok()) << answer;
      losses.push_back(answer->loss());
    }
    return losses;
  }

  v1::ListHistoryResponse List(const std::string& page = "", const std::string& model = "line") {
    const auto answer =
        client_->Call(FromText<v1::ListHistoryRequest>("model: '" + model + "' " + page));
    EXPECT_TRUE(answer.ok()) << answer;
    return answer.response;
  }

  static std::vector<std::int64_t> Steps(const v1::ListHistoryResponse& list) {
    std::vector<std::int64_t> steps;
    for (const v1::HistoryPoint& point : list.points()) steps.push_back(point.step());
    return steps;
  }

  unsigned seed_ = 0;
};

INSTANTIATE_TEST_SUITE_P(InMemoryAndOnDisk, HistoryTest, ::testing::Bool(),
                         [](const auto& parameter) {
                           return parameter.param ? "OnDisk" : "InMemory";
                         });

TEST_P(HistoryTest, IsEmptyBeforeTraining) {
  const v1::ListHistoryResponse list = List();
  EXPECT_THAT(list.points(), IsEmpty());
  EXPECT_EQ(list.next_page_token(), "");
}

TEST_P(HistoryTest, SaysOfEachUpdateWhatItAnswered) {
  const v1::Model created = Get("line");
  const auto answer = client_->Call(StepOf("line", LineBatch(kRows, 1)));
  ASSERT_TRUE(answer.ok()) << answer;
  const v1::ListHistoryResponse list = List();
  ASSERT_THAT(list.points(), SizeIs(1));
  const v1::HistoryPoint& point = list.points(0);
  EXPECT_EQ(point.step(), 1);
  EXPECT_EQ(point.rows(), kRows);
  EXPECT_EQ(point.loss(), answer->loss());
  EXPECT_EQ(point.gradient_norm(), answer->gradient_norm());
  EXPECT_EQ(point.learning_rate(), answer->learning_rate());
  EXPECT_GE(point.time().seconds(), created.create_time().seconds());
  EXPECT_LE(point.time().seconds(), Get("line").update_time().seconds());
  EXPECT_THAT(point.metrics(), UnorderedElementsAre(Key("rmse"), Key("mae")));
}

// Evaluate before the update measures the same rows on the same parameters.
TEST_P(HistoryTest, MetricsAreThoseOfTheBatchBeforeItWasLearned) {
  Train(3);
  v1::EvaluateRequest evaluate;
  evaluate.set_model("line");
  *evaluate.mutable_batch() = LineBatch(kRows, ++seed_);
  const auto before = client_->Call(std::vector<v1::EvaluateRequest>{evaluate});
  ASSERT_TRUE(before.ok()) << before;
  ASSERT_TRUE(client_->Call(StepOf("line", evaluate.batch())).ok());
  const v1::ListHistoryResponse list = List("after_step: 3");
  ASSERT_THAT(list.points(), SizeIs(1));
  for (const auto& [name, value] : list.points(0).metrics()) {
    EXPECT_NEAR(value, before->metrics().at(name), 1e-6) << name;  // in float32
  }
}

TEST_P(HistoryTest, OfTrainingStreamsAndOfGradientsFromElsewhere) {
  TrainStream stream = client_->Train();
  ASSERT_TRUE(stream.Write(StartOf("line", "session")));
  ASSERT_TRUE(stream.Read()->has_ready());
  ASSERT_TRUE(stream.Write(BatchOf(1, LineBatch(kRows, 1))));
  ASSERT_TRUE(stream.Read()->has_ack());
  auto gradients = FromText<v1::StepRequest>(R"(
    model: 'line'
    gradients { base_step: 1
      gradients { name: 'layers.0.kernel'
        tensor { data_type: DATA_TYPE_FLOAT32 shape: 2 shape: 1 floats { values: 3 values: 0 } } }
      gradients { name: 'layers.0.bias'
        tensor { data_type: DATA_TYPE_FLOAT32 shape: 1 floats { values: 4 } } } })");
  ASSERT_TRUE(client_->Call(gradients).ok()) << client_->Call(gradients);
  const v1::ListHistoryResponse list = List();
  ASSERT_THAT(Steps(list), ElementsAre(1, 2));
  EXPECT_GT(list.points(0).loss(), 0);
  EXPECT_THAT(list.points(0).metrics(), SizeIs(2));
  EXPECT_EQ(list.points(1).rows(), 0);
  EXPECT_THAT(list.points(1).metrics(), IsEmpty());
  EXPECT_EQ(list.points(1).loss(), 0);
  EXPECT_EQ(list.points(1).gradient_norm(), 5);
  EXPECT_EQ(list.points(1).learning_rate(), 0.125);
}

TEST_P(HistoryTest, StepsThatDoNotTrainAreNoPointsOfIt) {
  Train(1);
  const auto set = client_->Call(FromText<v1::SetParametersRequest>(R"(
    model: 'line'
    parameters { name: 'layers.0.bias'
      tensor { data_type: DATA_TYPE_FLOAT32 shape: 1 floats { values: 4 } } })"));
  ASSERT_TRUE(set.ok()) << set;
  ASSERT_TRUE(client_
                  ->Call(FromText<v1::UpdateModelRequest>(
                      "model { name: 'line' labels { key: 'a' value: 'b' } }"))
                  .ok());
  Train(1);
  EXPECT_THAT(Steps(List()), ElementsAre(1, 3));
}

TEST_P(HistoryTest, ComesOnPagesAndFromAStepOn) {
  Train(5);
  const v1::ListHistoryResponse first = List("page_size: 2");
  EXPECT_THAT(Steps(first), ElementsAre(1, 2));
  const v1::ListHistoryResponse second =
      List("page_size: 2 page_token: '" + first.next_page_token() + "'");
  EXPECT_THAT(Steps(second), ElementsAre(3, 4));
  Train(1);
  const v1::ListHistoryResponse last =
      List("page_size: 2 page_token: '" + second.next_page_token() + "'");
  EXPECT_THAT(Steps(last), ElementsAre(5, 6));
  EXPECT_EQ(last.next_page_token(), "");
  const v1::ListHistoryResponse later = List("after_step: 3 page_size: 2");
  EXPECT_THAT(Steps(later), ElementsAre(4, 5));
  EXPECT_THAT(
      Steps(List("after_step: 3 page_size: 2 page_token: '" + later.next_page_token() + "'")),
      ElementsAre(6));
  EXPECT_THAT(List("after_step: 6").points(), IsEmpty());
  EXPECT_THAT(List("after_step: 9223372036854775807").points(), IsEmpty());
}

TEST_P(HistoryTest, RefusesWhatMakesNoSense) {
  const auto call = [&](const std::string& text) {
    return client_->Call(FromText<v1::ListHistoryRequest>(text));
  };
  EXPECT_THAT(call(""), FailsAt("model", "REQUIRED_FIELD"));
  EXPECT_THAT(call("model: 'line' after_step: -1"), FailsAt("after_step", "INVALID_FIELD"));
  EXPECT_THAT(call("model: 'line' page_size: -1"), FailsAt("page_size", "INVALID_FIELD"));
  EXPECT_THAT(call("model: 'line' page_token: 'not one of ours'"),
              FailsAt("page_token", "INVALID_FIELD"));
  EXPECT_THAT(call("model: 'nobody'"), FailsWith(StatusCode::kNotFound, "MODEL_NOT_FOUND"));
}

TEST_P(HistoryTest, RestoringTakesBackWhatCameAfterTheCheckpoint) {
  Train(3);
  ASSERT_TRUE(client_->Call(FromText<v1::CreateCheckpointRequest>("model: 'line'")).ok());
  const v1::ListHistoryResponse saved = List();
  Train(4);
  EXPECT_THAT(Steps(List()), SizeIs(7));
  ASSERT_TRUE(client_->Call(FromText<v1::RestoreCheckpointRequest>("model: 'line' step: 3")).ok());
  EXPECT_TRUE(MessageDifferencer::Equals(List(), saved));
  Train(2);
  EXPECT_THAT(Steps(List()), ElementsAre(1, 2, 3, 4, 5));
}

TEST_P(HistoryTest, GoesWithItsModel) {
  Train(3);
  ASSERT_TRUE(client_->Call(FromText<v1::DeleteModelRequest>("name: 'line'")).ok());
  EXPECT_THAT(client_->Call(FromText<v1::ListHistoryRequest>("model: 'line'")),
              FailsWith(StatusCode::kNotFound, "MODEL_NOT_FOUND"));
  Create(LineModel("line"));
  EXPECT_THAT(List().points(), IsEmpty());
}

TEST_P(HistoryTest, StaysSmallHoweverLongTheTraining) {
  double sum = 0;
  for (const double loss : Train(1200)) sum += loss;
  const v1::ListHistoryResponse list = List("page_size: 1000");
  EXPECT_EQ(list.next_page_token(), "");
  EXPECT_THAT(list.points(), SizeIs(300)) << "of 4 updates each";
  std::int64_t rows = 0;
  double sum_of_points = 0;
  for (const v1::HistoryPoint& point : list.points()) {
    rows += point.rows();
    sum_of_points += point.loss() * 4;
  }
  EXPECT_EQ(rows, 1200 * kRows);
  EXPECT_NEAR(sum_of_points, sum, 1e-9 * sum);
  EXPECT_EQ(Steps(List()).size(), 100U) << "a page of the server's choice";
}

TEST_P(HistoryTest, IsThatOfTheUpdatesThatARestartBringsBack) {
  if (!GetParam()) GTEST_SKIP() << "nothing is kept";
  v1::CreateModelRequest memory = LineModel("memory");
  memory.mutable_model()->set_durability(v1::DURABILITY_MEMORY);
  Create(memory);
  Train(2, "memory");
  EXPECT_THAT(Steps(List("", "memory")), ElementsAre(1, 2));
  Train(600);
  // Some from a checkpoint, some from the journal after it, and then all from a checkpoint.
  ASSERT_TRUE(client_->Call(FromText<v1::CreateCheckpointRequest>("model: 'line'")).ok());
  for (const int more : {7, 0, 500}) {
    if (more > 0) Train(more);
    const v1::ListHistoryResponse before = List("page_size: 1000");
    RestartOnDisk();
    EXPECT_TRUE(MessageDifferencer::Equals(List("page_size: 1000"), before)) << more;
  }
  EXPECT_THAT(client_->Call(FromText<v1::ListHistoryRequest>("model: 'memory'")),
              FailsWith(StatusCode::kNotFound, "MODEL_NOT_FOUND"));
}

}  // namespace
}  // namespace descent::testing
