#include "server/wire/encode.h"

#include <limits>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "tests/support/random_network.h"
#include "tests/wire/text_message.h"

namespace descent::wire {
namespace {

using descent::testing::DenseNetwork;
using descent::testing::MakeNetwork;
using google::protobuf::util::MessageDifferencer;

// Two inputs, one hidden unit, one output.
std::shared_ptr<const Network> TheNetwork() {
  return MakeNetwork(
      DenseNetwork(2, {1, 1}, TanhActivation{}, MeanSquaredErrorLoss{}, DataType::kFloat32));
}

// [rows, 1], counting from `first`.
Matrix Column(std::int64_t rows, double first) {
  Matrix column(DataType::kFloat32, rows, 1);
  for (std::int64_t i = 0; i < rows; ++i) column.Set(i, 0, first + static_cast<double>(i));
  return column;
}

// Laid-out values: element e of parameter p is 10 p + e.
Buffer LaidOut(const Network& network) {
  Buffer values(network.data_type(), network.layout().size());
  double base = 0;
  for (const ParameterInfo& parameter : network.layout().parameters()) {
    for (std::int64_t e = 0; e < parameter.size; ++e) {
      values.Set(parameter.offset + e, base + static_cast<double>(e));
    }
    base += 10;
  }
  return values;
}

template <typename Response>
void ExpectResponse(const Response& response, const std::string& expected) {
  EXPECT_TRUE(MessageDifferencer::Equals(response, FromText<Response>(expected)))
      << response.DebugString();
}

TEST(EncodeTest, Predict) {
  v1::PredictResponse response;
  Encode(models::PredictOutcome{7, Column(2, 1)}, Encoding::kFloats, &response);
  ExpectResponse(response, R"pb(
    step: 7
    outputs {
      data_type: DATA_TYPE_FLOAT32
      shape: 2
      shape: 1
      floats { values: [ 1, 2 ] }
    }
  )pb");
}

// A layer that has no z says none.
TEST(EncodeTest, ForwardOfLayersInAResidual) {
  NetworkSpec spec;
  spec.input_features = 1;
  spec.layers = {ResidualSpec{{LayerNormSpec{}}}};
  models::ForwardOutcome outcome;
  outcome.pre_activations.resize(2);
  outcome.activations.push_back(Column(1, 2));
  outcome.activations.push_back(Column(1, 3));
  v1::ForwardResponse response;
  Encode(outcome, **Network::Create(spec), Encoding::kDoubles, &response);
  ASSERT_EQ(response.layers_size(), 2);
  EXPECT_EQ(response.layers(0).name(), "layers.0.layers.0");
  EXPECT_FALSE(response.layers(0).has_pre_activation());
  EXPECT_EQ(response.layers(1).name(), "layers.0");
  EXPECT_EQ(response.layers(1).activation().doubles().values(0), 3);
  EXPECT_EQ(response.outputs().doubles().values(0), 3);
}

TEST(EncodeTest, Forward) {
  models::ForwardOutcome outcome;
  outcome.step = 3;
  outcome.pre_activations.push_back(Column(1, 1));
  outcome.activations.push_back(Column(1, 2));
  outcome.pre_activations.push_back(Column(1, 3));
  outcome.activations.push_back(Column(1, 4));
  v1::ForwardResponse response;
  Encode(outcome, *TheNetwork(), Encoding::kDoubles, &response);
  ExpectResponse(response, R"pb(
    step: 3
    layers {
      name: "layers.0"
      pre_activation {
        data_type: DATA_TYPE_FLOAT64
        shape: 1
        shape: 1
        doubles { values: 1 }
      }
      activation {
        data_type: DATA_TYPE_FLOAT64
        shape: 1
        shape: 1
        doubles { values: 2 }
      }
    }
    layers {
      name: "layers.1"
      pre_activation {
        data_type: DATA_TYPE_FLOAT64
        shape: 1
        shape: 1
        doubles { values: 3 }
      }
      activation {
        data_type: DATA_TYPE_FLOAT64
        shape: 1
        shape: 1
        doubles { values: 4 }
      }
    }
    outputs {
      data_type: DATA_TYPE_FLOAT64
      shape: 1
      shape: 1
      doubles { values: 4 }
    }
  )pb");
}

TEST(EncodeTest, Gradient) {
  const auto network = TheNetwork();
  models::GradientOutcome outcome;
  outcome.step = 3;
  outcome.loss = 0.5;
  outcome.gradient_norm = 1.5;
  outcome.parameters = {3, 0};
  outcome.gradients = LaidOut(*network);
  outcome.input_gradient = Matrix(DataType::kFloat32, 1, 2);
  v1::GradientResponse response;
  Encode(outcome, *network, Encoding::kFloats, &response);
  ExpectResponse(response, R"pb(
    step: 3
    loss: 0.5
    gradient_norm: 1.5
    gradients {
      name: "layers.1.bias"
      tensor {
        data_type: DATA_TYPE_FLOAT32
        shape: 1
        floats { values: 30 }
      }
    }
    gradients {
      name: "layers.0.kernel"
      tensor {
        data_type: DATA_TYPE_FLOAT32
        shape: 2
        shape: 1
        floats { values: [ 0, 1 ] }
      }
    }
    input_gradient {
      data_type: DATA_TYPE_FLOAT32
      shape: 1
      shape: 2
      floats { values: [ 0, 0 ] }
    }
  )pb");
}

TEST(EncodeTest, GradientNorms) {
  models::GradientOutcome outcome;
  outcome.gradient_norm = 5;
  outcome.parameters = {0, 2};
  outcome.norms = {3, 4};
  v1::GradientResponse response;
  Encode(outcome, *TheNetwork(), Encoding::kNumbers, &response);
  ExpectResponse(response, R"pb(
    gradient_norm: 5
    gradients {
      name: "layers.0.kernel"
      tensor {
        data_type: DATA_TYPE_FLOAT32
        floats { values: 3 }
      }
    }
    gradients {
      name: "layers.1.kernel"
      tensor {
        data_type: DATA_TYPE_FLOAT32
        floats { values: 4 }
      }
    }
  )pb");
}

TEST(EncodeTest, ParametersAreRaw) {
  const auto network = TheNetwork();
  models::GetParametersOutcome outcome;
  outcome.step = 9;
  outcome.parameters = {1};
  SnapshotPool pool(network->data_type(), network->layout().size());
  outcome.snapshot = pool.Acquire(/*step=*/9);
  *SnapshotPool::mutable_parameters(outcome.snapshot) = LaidOut(*network);
  v1::GetParametersResponse response;
  Encode(outcome, *network, &response);
  ExpectResponse(response, R"pb(
    step: 9
    parameters {
      name: "layers.0.bias"
      tensor { data_type: DATA_TYPE_FLOAT32 shape: 1 raw: "\000\000\040\101" }
    }
  )pb");
}

TEST(EncodeTest, StatisticsOfInputsComeWithParameters) {
  NetworkSpec spec;
  spec.input_features = 2;
  spec.layers = {DropoutSpec{}};
  spec.input_normalization.emplace();
  const auto network = *Network::Create(spec);
  models::GetParametersOutcome outcome;
  SnapshotPool pool(network->data_type(), network->layout().size());
  outcome.snapshot = pool.Acquire(/*step=*/9);
  // Of 3 rows: means 1 and 2, sums of squares 0 and 6.
  SnapshotPool::SetStatistics(outcome.snapshot, std::make_shared<const InputStatistics>(
                                                    std::vector<double>{3, 3, 1, 2, 0, 6}));
  v1::GetParametersResponse response;
  Encode(outcome, *network, &response);
  ExpectResponse(response,
                 R"pb(
                   statistics {
                     name: "inputs.mean"
                     tensor {
                       data_type: DATA_TYPE_FLOAT64
                       shape: 2
                       raw: "\000\000\000\000\000\000\360\077\000\000\000\000\000\000\000\100"
                     }
                   }
                   statistics {
                     name: "inputs.variance"
                     tensor {
                       data_type: DATA_TYPE_FLOAT64
                       shape: 2
                       raw: "\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\100"
                     }
                   }
                   statistics {
                     name: "inputs.rows"
                     tensor { data_type: DATA_TYPE_INT64 raw: "\003\000\000\000\000\000\000\000" }
                   }
                 )pb");
}

TEST(EncodeTest, Step) {
  v1::StepResponse response;
  Encode(models::StepOutcome{4, 0.5, 2, 0.1, 3, true}, &response);
  ExpectResponse(response,
                 "step: 4 loss: 0.5 gradient_norm: 2 learning_rate: 0.1 durable_step: 3 "
                 "replayed: true");
}

TEST(EncodeTest, Train) {
  v1::TrainResponse ready;
  Encode(models::TrainReady{5, 4, 64}, &ready);
  ExpectResponse(ready, "ready { next_sequence: 5 step: 4 window: 64 most_batches: 64 }");
  v1::TrainResponse ack;
  Encode(models::TrainAck{8, 7, 0.5, 2, 0.1, 6, 128}, &ack);
  ExpectResponse(ack,
                 "ack { sequence: 8 step: 7 loss: 0.5 gradient_norm: 2 learning_rate: 0.1 "
                 "durable_sequence: 6 rows: 128 }");
}

TEST(EncodeTest, Evaluate) {
  v1::EvaluateResponse response;
  Encode(models::EvaluateOutcome{4, 100, 0.5, {{"rmse", 1}, {"r2", 0.5}}}, &response);
  ExpectResponse(response,
                 "step: 4 rows: 100 loss: 0.5 metrics { key: 'r2' value: 0.5 } "
                 "metrics { key: 'rmse' value: 1 }");
}

TEST(EncodeTest, AnswersWithoutTensors) {
  v1::SetParametersResponse set;
  Encode(models::SetParametersOutcome{12}, &set);
  ExpectResponse(set, "step: 12");
  v1::DeleteModelResponse deleted;
  Encode(models::DeleteModelOutcome{}, &deleted);
  ExpectResponse(deleted, "");
}

TEST(EncodeTest, Checkpoints) {
  const models::CheckpointInfo info = {40, absl::FromUnixMillis(1500), 1000,
                                       std::uint64_t{1} << 63};
  const std::string expected =
      "step: 40 create_time { seconds: 1 nanos: 500000000 } size_bytes: 1000 "
      "state_hash: 9223372036854775808";
  v1::CreateCheckpointResponse created;
  Encode(models::CheckpointOutcome{info}, &created);
  ExpectResponse(created, "checkpoint { " + expected + " }");
  v1::ListCheckpointsResponse list;
  Encode(models::ListCheckpointsOutcome{{info, {}}, "next"}, &list);
  ASSERT_EQ(list.checkpoints_size(), 2);
  ExpectResponse(list.checkpoints(0), expected);
  EXPECT_EQ(list.next_page_token(), "next");
  v1::DeleteCheckpointResponse deleted;
  Encode(models::DeleteCheckpointOutcome{}, &deleted);
  ExpectResponse(deleted, "");
}

TEST(EncodeTest, History) {
  const models::HistoryPoint point = {.step = 40,
                                      .time = absl::FromUnixMillis(1500),
                                      .updates = 8,
                                      .rows = 256,
                                      .loss = 0.5,
                                      .gradient_norm = 2,
                                      .learning_rate = 0.125};
  models::HistoryPoint measured = point;
  measured.measured_rows = 32;
  measured.measures = {0.25, 4};
  v1::ListHistoryResponse list;
  Encode(
      models::ListHistoryOutcome{
          .points = {point, measured}, .loss = {}, .next_page_token = "next"},
      &list);
  ASSERT_EQ(list.points_size(), 2);
  const std::string fields =
      "step: 40 time { seconds: 1 nanos: 500000000 } rows: 256 loss: 0.5 "
      "gradient_norm: 2 learning_rate: 0.125";
  ExpectResponse(list.points(0), fields);
  ExpectResponse(list.points(1),
                 fields + " metrics { key: 'mae' value: 4 } metrics { key: 'rmse' value: 0.5 }");
  EXPECT_EQ(list.next_page_token(), "next");
}

TEST(EncodeTest, MetricsOfHistoryGoByTheLossAndAreFinite) {
  models::HistoryPoint point;
  point.measured_rows = 4;
  point.measures = {0.75, 2};
  v1::ListHistoryResponse list;
  Encode(
      models::ListHistoryOutcome{
          .points = {point}, .loss = SoftmaxCrossEntropyLoss{}, .next_page_token = ""},
      &list);
  ASSERT_EQ(list.points_size(), 1);
  EXPECT_THAT(list.points(0).metrics(),
              ::testing::UnorderedElementsAre(::testing::Pair("accuracy", 0.75),
                                              ::testing::Pair("log_loss", 2)));
  point.measures[0] = std::numeric_limits<double>::infinity();
  v1::ListHistoryResponse infinite;
  Encode(models::ListHistoryOutcome{.points = {point}, .loss = HuberLoss{}, .next_page_token = ""},
         &infinite);
  EXPECT_THAT(infinite.points(0).metrics(),
              ::testing::UnorderedElementsAre(::testing::Pair("mae", 2)));
}

TEST(EncodeTest, Backup) {
  v1::BackupResponse response;
  EncodeBackup("bytes", 1000, &response);
  ExpectResponse(response, "chunk: 'bytes' total_bytes: 1000");
}

TEST(EncodeTest, Models) {
  models::ModelInfo info;
  info.settings.name = "m";
  v1::GetModelResponse get;
  Encode(info, &get);
  EXPECT_EQ(get.model().name(), "m");
  v1::CreateModelResponse create;
  Encode(info, &create);
  EXPECT_TRUE(MessageDifferencer::Equals(create.model(), get.model()));
  v1::UpdateModelResponse update;
  Encode(info, &update);
  EXPECT_TRUE(MessageDifferencer::Equals(update.model(), get.model()));
  v1::RestoreCheckpointResponse restore;
  Encode(info, &restore);
  EXPECT_TRUE(MessageDifferencer::Equals(restore.model(), get.model()));
  v1::ListModelsResponse list;
  Encode(models::ListModelsOutcome{{info, info}, "next"}, &list);
  ASSERT_EQ(list.models_size(), 2);
  EXPECT_TRUE(MessageDifferencer::Equals(list.models(1), get.model()));
  EXPECT_EQ(list.next_page_token(), "next");
}

}  // namespace
}  // namespace descent::wire
