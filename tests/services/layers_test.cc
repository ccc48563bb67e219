// Layers beside dense ones, and inputs normalised, through the real server.

#include <string>
#include <vector>

#include "tests/services/service_fixture.h"

namespace descent::testing {
namespace {

using ::testing::ElementsAre;

class LayersTest : public ServiceTest {};

// Every kind of layer, and inputs normalised.
constexpr char kEveryKindModel[] = R"pb(
  model {
    network {
      input_features: 2
      layers {
        dense {
          units: 4
          activation { kind: ACTIVATION_KIND_TANH }
        }
      }
      layers { dropout { rate: 0.5 } }
      layers {
        residual {
          layers { layer_norm {} }
          layers { dense { units: 4 } }
        }
      }
      layers { dense { units: 1 } }
      loss { kind: LOSS_KIND_MEAN_SQUARED_ERROR }
      seed: 5
      input_normalization {}
    }
    optimizer {
      learning_rate: 0.01
      adam {}
    }
  })pb";

TEST_F(LayersTest, ATrainingGradientIsTheOneThatAStepApplies) {
  for (const char* name : {"here", "elsewhere"}) {
    auto create = FromText<v1::CreateModelRequest>(kEveryKindModel);
    create.mutable_model()->set_name(name);
    Create(create);
  }
  const v1::Batch batch = LineBatch(16, 3);
  v1::GradientRequest gradient;
  gradient.set_model("elsewhere");
  *gradient.mutable_inputs() = batch.inputs();
  *gradient.mutable_targets() = batch.targets();
  gradient.set_training(true);
  const auto computed = client_->Call(gradient);
  ASSERT_TRUE(computed.ok()) << computed;
  v1::StepRequest step;
  step.set_model("elsewhere");
  *step.mutable_gradients()->mutable_gradients() = computed->gradients();
  ASSERT_TRUE(client_->Call(step).ok());
  const auto stepped = client_->Call(StepOf("here", batch));
  EXPECT_EQ(stepped->loss(), computed->loss());
  v1::GetParametersRequest get;
  get.set_model("here");
  const auto here = client_->Call(get);
  get.set_model("elsewhere");
  const auto elsewhere = client_->Call(get);
  ASSERT_EQ(here->parameters_size(), 8);
  for (int i = 0; i < here->parameters_size(); ++i) {
    EXPECT_EQ(elsewhere->parameters(i).tensor().raw(), here->parameters(i).tensor().raw())
        << here->parameters(i).name();
  }
  // Without `training` nothing is dropped, so it is another gradient.
  gradient.set_training(false);
  EXPECT_NE(client_->Call(gradient)->loss(), computed->loss());
}

TEST_F(LayersTest, StatisticsOfInputsAreThoseOfTheRowsTrainedOn) {
  auto create = FromText<v1::CreateModelRequest>(kEveryKindModel);
  create.mutable_model()->set_name("normalized");
  Create(create);
  v1::Batch batch = LineBatch(2, 3);
  *batch.mutable_inputs() = Floats({2, 2}, {1, 10, 3, 10});
  ASSERT_TRUE(client_->Call(StepOf("normalized", batch)).ok());
  // A prediction and a gradient add nothing.
  client_->Call(PredictOf("normalized", batch.inputs()));
  v1::GetParametersRequest get;
  get.set_model("normalized");
  get.add_names("layers.2.layers.0.gain");
  const auto answer = client_->Call(get);
  ASSERT_TRUE(answer.ok()) << answer;
  EXPECT_EQ(answer->parameters_size(), 1);
  ASSERT_EQ(answer->statistics_size(), 3);
  EXPECT_EQ(answer->statistics(0).name(), "inputs.mean");
  EXPECT_THAT(Doubles(answer->statistics(0).tensor()), ElementsAre(2, 10));
  EXPECT_THAT(Doubles(answer->statistics(1).tensor()), ElementsAre(1, 0));
  EXPECT_EQ(answer->statistics(2).name(), "inputs.rows");
  EXPECT_EQ(answer->statistics(2).tensor().raw(), std::string("\2\0\0\0\0\0\0\0", 8));
}

TEST_F(LayersTest, ForwardTellsTheLayersOfAResidualByTheirNames) {
  auto create = FromText<v1::CreateModelRequest>(kEveryKindModel);
  create.mutable_model()->set_name("all");
  Create(create);
  v1::ForwardRequest forward;
  forward.set_model("all");
  *forward.mutable_inputs() = RandomTensor({3, 2}, 1);
  const auto answer = client_->Call(forward);
  ASSERT_TRUE(answer.ok()) << answer;
  std::vector<std::string> names;
  for (const v1::LayerValues& layer : answer->layers()) {
    names.push_back(layer.name() + (layer.has_pre_activation() ? " z a" : " a"));
  }
  EXPECT_THAT(names, ElementsAre("layers.0 z a", "layers.1 a", "layers.2.layers.0 a",
                                 "layers.2.layers.1 z a", "layers.2 a", "layers.3 z a"));
  EXPECT_EQ(answer->layers(1).activation().raw(), answer->layers(0).activation().raw());
}

}  // namespace
}  // namespace descent::testing
