// No answer holds a NaN or an infinity, whatever a model has become and whatever it is asked.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/losses/kinds.h"
#include "server/wire/kinds.h"
#include "tests/services/service_fixture.h"

namespace descent::testing {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;

MATCHER(IsRefusedAsNonFinite, "") {
  return ::testing::ExplainMatchResult(
      FailsWith(StatusCode::kFailedPrecondition, "NON_FINITE_ANSWER"), arg, result_listener);
}

bool IsFinite(const v1::Tensor& tensor) {
  const auto all = [](const auto& values) {
    return std::all_of(values.begin(), values.end(),
                       [](auto value) { return std::isfinite(value); });
  };
  if (tensor.data_type() == v1::DATA_TYPE_FLOAT32) {
    std::vector<float> values(tensor.raw().size() / sizeof(float));
    if (!values.empty()) std::memcpy(values.data(), tensor.raw().data(), tensor.raw().size());
    return all(values) && all(tensor.floats().values());
  }
  std::vector<double> values(tensor.raw().size() / sizeof(double));
  if (!values.empty()) std::memcpy(values.data(), tensor.raw().data(), tensor.raw().size());
  return all(values) && all(tensor.doubles().values());
}

class NonFiniteAnswersTest : public ServiceTest {
 protected:
  static v1::CreateModelRequest Model(const std::string& loss, double learning_rate,
                                      int outputs = 1) {
    return FromText<v1::CreateModelRequest>(absl::StrCat(R"(
      model {
        name: "m"
        network {
          input_features: 2
          layers { dense { units: 3 activation { kind: ACTIVATION_KIND_RELU } } }
          layers { dense { units: )",
                                                         outputs, R"( } }
          loss { kind: )",
                                                         loss, R"( }
          seed: 3
        }
        optimizer { learning_rate: )",
                                                         learning_rate, R"( sgd {} }
      })"));
  }

  // Every parameter becomes this number.
  void Fill(double value) {
    v1::GetParametersRequest get;
    get.set_model("m");
    const auto current = client_->Call(get);
    v1::SetParametersRequest set;
    set.set_model("m");
    for (const v1::NamedTensor& parameter : current->parameters()) {
      v1::NamedTensor* const filled = set.add_parameters();
      *filled = parameter;
      const bool is_float = parameter.tensor().data_type() == v1::DATA_TYPE_FLOAT32;
      const std::size_t size = parameter.tensor().raw().size() / (is_float ? 4 : 8);
      if (is_float) {
        auto* const values = filled->mutable_tensor()->mutable_floats()->mutable_values();
        values->Resize(static_cast<int>(size), static_cast<float>(value));
      } else {
        auto* const values = filled->mutable_tensor()->mutable_doubles()->mutable_values();
        values->Resize(static_cast<int>(size), value);
      }
    }
    const auto answer = client_->Call(set);
    ASSERT_TRUE(answer.ok()) << answer;
  }

  Answer<v1::ForwardResponse> Forward(const v1::Tensor& inputs) {
    v1::ForwardRequest request;
    request.set_model("m");
    *request.mutable_inputs() = inputs;
    return client_->Call(request);
  }

  Answer<v1::GradientResponse> Gradient(const v1::Batch& batch) {
    v1::GradientRequest request;
    request.set_model("m");
    *request.mutable_inputs() = batch.inputs();
    *request.mutable_targets() = batch.targets();
    request.set_input_gradient(true);
    return client_->Call(request);
  }

  Answer<v1::EvaluateResponse> Evaluate(const std::vector<v1::Batch>& batches) {
    std::vector<v1::EvaluateRequest> requests;
    for (const v1::Batch& batch : batches) {
      requests.emplace_back().set_model("m");
      *requests.back().mutable_batch() = batch;
    }
    return client_->Call(requests);
  }

  // Each reading call either answers with numbers or says that it can't.
  void ExpectFiniteOrRefused(const v1::Batch& batch) {
    for (const bool raw : {false, true}) {
      v1::PredictRequest request = PredictOf("m", batch.inputs());
      request.set_raw_outputs(raw);
      const auto answer = client_->Call(request);
      if (answer.ok()) {
        EXPECT_TRUE(IsFinite(answer->outputs())) << answer;
      } else {
        EXPECT_THAT(answer, IsRefusedAsNonFinite());
      }
    }
    if (const auto answer = Forward(batch.inputs()); answer.ok()) {
      EXPECT_TRUE(IsFinite(answer->outputs()));
      for (const v1::LayerValues& layer : answer->layers()) {
        EXPECT_TRUE(IsFinite(layer.pre_activation()) && IsFinite(layer.activation()));
      }
    } else {
      EXPECT_THAT(answer, IsRefusedAsNonFinite());
    }
    if (const auto answer = Gradient(batch); answer.ok()) {
      EXPECT_TRUE(std::isfinite(answer->loss()) && std::isfinite(answer->gradient_norm()));
      EXPECT_TRUE(IsFinite(answer->input_gradient()));
      for (const v1::NamedTensor& gradient : answer->gradients()) {
        EXPECT_TRUE(IsFinite(gradient.tensor()));
      }
    } else {
      EXPECT_THAT(answer, IsRefusedAsNonFinite());
    }
    if (const auto answer = Evaluate({batch, batch}); answer.ok()) {
      EXPECT_TRUE(std::isfinite(answer->loss()));
      for (const auto& [name, value] : answer->metrics()) EXPECT_TRUE(std::isfinite(value)) << name;
    } else {
      EXPECT_THAT(answer, IsRefusedAsNonFinite());
    }
  }
};

TEST_F(NonFiniteAnswersTest, OfEveryLossAtEveryMagnitude) {
  int refused = 0;
  for (const auto& loss : wire::LossRows()) {
    for (const auto& type : wire::NetworkDataTypeRows()) {
      if (type.wire == v1::DATA_TYPE_UNSPECIFIED) continue;
      for (const double largest : {1e2, 1e6, 1e10, 1e19, 3e38, 1e155, 1e300}) {
        if (type.wire == v1::DATA_TYPE_FLOAT32 && largest > 3.1e38) continue;
        SCOPED_TRACE(absl::StrCat(v1::LossKind_Name(loss.wire), " ", largest));
        auto request = Model(v1::LossKind_Name(loss.wire), 0.1);
        request.mutable_model()->mutable_network()->set_data_type(type.wire);
        ASSERT_NO_FATAL_FAILURE(Create(request));
        for (const double value : {largest, -largest}) {
          ASSERT_NO_FATAL_FAILURE(Fill(value));
          v1::Batch batch;
          *batch.mutable_inputs() = Floats({3, 2}, {1, 2, 0, 0, 3e38F, -1e30F});
          *batch.mutable_targets() = Floats({3, 1}, {1, 1, 1});
          batch.mutable_inputs()->mutable_floats();
          ExpectFiniteOrRefused(batch);
          refused += client_->Call(PredictOf("m", batch.inputs())).ok() ? 0 : 1;
        }
        v1::DeleteModelRequest deletion;
        deletion.set_name("m");
        ASSERT_TRUE(client_->Call(deletion).ok());
      }
    }
  }
  EXPECT_GT(refused, 10);
}

TEST_F(NonFiniteAnswersTest, PredictionsNameTheirRow) {
  Create(Model("LOSS_KIND_MEAN_SQUARED_ERROR", 0.1));
  Fill(1);
  const auto answer = client_->Call(PredictOf("m", Floats({3, 2}, {1, 2, 3e38F, 3e38F, 1, 1})));
  EXPECT_THAT(answer, IsRefusedAsNonFinite());
  EXPECT_EQ(answer.status.metadata.at("row"), "1");
  EXPECT_EQ(answer.status.metadata.at("column"), "0");
  EXPECT_EQ(answer.status.metadata.at("answer"), "outputs");
  EXPECT_THAT(answer.status.message, HasSubstr("scale the inputs"));
}

TEST_F(NonFiniteAnswersTest, RatesBeyondTheirTypeAreToBeHadAsLogarithms) {
  Create(Model("LOSS_KIND_POISSON", 0.1));
  Fill(1);
  v1::PredictRequest request = PredictOf("m", Floats({2, 2}, {1, 1, 20, 10}));
  const auto answer = client_->Call(request);
  EXPECT_THAT(answer, IsRefusedAsNonFinite());
  EXPECT_EQ(answer.status.metadata.at("row"), "1");
  EXPECT_THAT(answer.status.message, HasSubstr("raw_outputs"));
  request.set_raw_outputs(true);
  const auto logarithms = client_->Call(request);
  ASSERT_TRUE(logarithms.ok()) << logarithms;
  EXPECT_EQ(logarithms->outputs().floats().values(1), 94);  // 3 (1 + 20 + 10) + 1
}

TEST_F(NonFiniteAnswersTest, LayersNameTheirLayerAndRow) {
  Create(Model("LOSS_KIND_MEAN_SQUARED_ERROR", 0.1));
  Fill(1e20);
  const auto answer = Forward(Floats({2, 2}, {0, 0, 1, 1}));
  EXPECT_THAT(answer, IsRefusedAsNonFinite());
  EXPECT_EQ(answer.status.metadata.at("answer"), "layers[1].pre_activation");
  EXPECT_EQ(answer.status.metadata.at("row"), "0");
}

TEST_F(NonFiniteAnswersTest, GradientsNameTheRowWhoseLossIsNone) {
  Create(Model("LOSS_KIND_MEAN_SQUARED_ERROR", 0.1));
  Fill(1);
  v1::Batch batch;
  *batch.mutable_inputs() = Floats({2, 2}, {1, 1, 1e25F, 1});
  *batch.mutable_targets() = Floats({2, 1}, {1, 1});
  const auto answer = Gradient(batch);
  EXPECT_THAT(answer, IsRefusedAsNonFinite());
  EXPECT_EQ(answer.status.metadata.at("answer"), "loss");
  EXPECT_EQ(answer.status.metadata.at("row"), "1");
}

TEST_F(NonFiniteAnswersTest, EvaluationsNameTheRowAndTheRowsBeforeItsBatch) {
  Create(Model("LOSS_KIND_MEAN_SQUARED_ERROR", 0.1));
  Fill(1);
  v1::Batch good;
  *good.mutable_inputs() = Floats({4, 2}, {1, 1, 2, 2, 3, 3, 4, 4});
  *good.mutable_targets() = Floats({4, 1}, {1, 2, 3, 4});
  v1::Batch bad;
  *bad.mutable_inputs() = Floats({2, 2}, {1, 1, 1e25F, 1});
  *bad.mutable_targets() = Floats({2, 1}, {1, 1});
  const auto answer = Evaluate({good, bad});
  EXPECT_THAT(answer, IsRefusedAsNonFinite());
  EXPECT_EQ(answer.status.metadata.at("row"), "1");
  EXPECT_EQ(answer.status.metadata.at("rows_before"), "4");
  // A row that counts for nothing may have any loss.
  *bad.mutable_weights() = Floats({2}, {1, 0});
  const auto weighted = Evaluate({good, bad});
  EXPECT_TRUE(weighted.ok()) << weighted;
}

// What the errors advise, tried.

// Learns until an update is refused.
#define DIVERGE()                                                  \
  CallStatus refusal;                                              \
  for (int i = 0; i < 1000 && refusal.ok(); ++i) {                 \
    refusal = client_->Call(StepOf("m", LineBatch(16, 1))).status; \
  }                                                                \
  ASSERT_EQ(refusal.reason, "NON_FINITE_UPDATE") << refusal

TEST_F(NonFiniteAnswersTest, AModelThatDivergedIsBroughtBackByACheckpointAndALowerLearningRate) {
  Create(Model("LOSS_KIND_MEAN_SQUARED_ERROR", 1000));
  v1::CreateCheckpointRequest checkpoint;
  checkpoint.set_model("m");
  ASSERT_TRUE(client_->Call(checkpoint).ok());
  DIVERGE();
  EXPECT_THAT(refusal.message, HasSubstr("restore a checkpoint"));
  EXPECT_THAT(refusal.message, HasSubstr("lower learning rate"));
  ExpectFiniteOrRefused(LineBatch(16, 2));

  v1::RestoreCheckpointRequest restore;
  restore.set_model("m");
  restore.set_step(0);
  ASSERT_TRUE(client_->Call(restore).ok());
  auto update = FromText<v1::UpdateModelRequest>(R"(
    model { name: "m" optimizer { learning_rate: 0.01 } }
    update_mask { paths: "optimizer.learning_rate" })");
  ASSERT_TRUE(client_->Call(update).ok());
  double loss = 0;
  for (unsigned i = 0; i < 300; ++i) {
    const auto step = client_->Call(StepOf("m", LineBatch(16, i)));
    ASSERT_TRUE(step.ok()) << step;
    loss = step->loss();
  }
  EXPECT_LT(loss, 1);
  EXPECT_TRUE(client_->Call(PredictOf("m", LineBatch(16, 2).inputs())).ok());
}

TEST_F(NonFiniteAnswersTest, ClippingTheNormKeepsAModelFromDiverging) {
  auto request = Model("LOSS_KIND_MEAN_SQUARED_ERROR", 10);
  Create(request);
  DIVERGE();
  v1::DeleteModelRequest deletion;
  deletion.set_name("m");
  ASSERT_TRUE(client_->Call(deletion).ok());
  request.mutable_model()->mutable_optimizer()->set_clip_norm(1e-3);
  Create(request);
  for (unsigned i = 0; i < 1000; ++i) {
    const auto step = client_->Call(StepOf("m", LineBatch(16, 1)));
    ASSERT_TRUE(step.ok()) << step;
  }
  EXPECT_TRUE(client_->Call(PredictOf("m", LineBatch(16, 2).inputs())).ok());
}

}  // namespace
}  // namespace descent::testing
