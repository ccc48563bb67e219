#include "server/pages/words.h"

#include <utility>

#include "core/layers/kinds.h"
#include "core/losses/kinds.h"
#include "core/optimizers/kinds.h"
#include "gtest/gtest.h"

namespace descent::pages {
namespace {

TEST(WordsTest, ANetworkIsToldLayerByLayer) {
  NetworkSpec network{.input_features = 8};
  network.layers = {
      DenseSpec{.units = 64, .activation = ReluActivation{}}, DropoutSpec{.rate = 0.1},
      ResidualSpec{
          .layers = {LayerNormSpec{}, DenseSpec{.units = 64,
                                                .activation = LeakyReluActivation{.alpha = 0.2},
                                                .omit_bias = true}}},
      DenseSpec{.units = 1}};
  EXPECT_EQ(NetworkInWords(network),
            "8 inputs → dense 64 relu → dropout (rate 0.1) → residual [layer_norm → dense 64 "
            "leaky_relu (alpha 0.2) without bias] → dense 1");
  network.input_features = 1;
  network.input_normalization = InputNormalizationSpec{.half_life_rows = 1000};
  network.layers = {DenseSpec{.units = 1}};
  EXPECT_EQ(NetworkInWords(network), "1 input, normalised (half_life_rows 1000) → dense 1");
  network.layers.assign(5000, DenseSpec{.units = 2});
  EXPECT_TRUE(NetworkInWords(network).ends_with(" → dense 2 → … 5000 layers"));
  EXPECT_LT(NetworkInWords(network).size(), 2000U);
}

TEST(WordsTest, OnlyParametersThatAreNotAsByDefaultAreTold) {
  EXPECT_EQ(LossInWords(HuberLoss{}), "huber");
  EXPECT_EQ(LossInWords(HuberLoss{.delta = 2}), "huber (delta 2)");
  OptimizerSpec optimizer{.learning_rate = 1e-3, .algorithm = AdamOptions{}};
  EXPECT_EQ(OptimizerInWords(optimizer), "adam, learning rate 0.001");
  optimizer.algorithm = SgdOptions{.momentum = 0.9, .nesterov = true};
  optimizer.schedule = {.decay = CosineSchedule{.period = 1000}, .warmup_steps = 20000};
  optimizer.clip_norm = 1;
  optimizer.clip_value = 0.5;
  optimizer.exclude_bias_from_weight_decay = true;
  EXPECT_EQ(OptimizerInWords(optimizer),
            "sgd (momentum 0.9, nesterov), learning rate 0.001, cosine (period 1000), warm-up of "
            "20,000 steps, norm clipped at 1, values clipped at 0.5, no weight decay of biases");
}

TEST(WordsTest, EveryKindHasItsName) {
  for (const OptimizerInfo& info : Optimizers()) {
    const OptimizerSpec optimizer{.learning_rate = 1, .algorithm = info.defaults};
    EXPECT_TRUE(OptimizerInWords(optimizer).starts_with(info.name)) << info.name;
  }
  for (const LossInfo& info : Losses()) EXPECT_EQ(LossInWords(info.defaults), info.name);
  for (const LayerInfo& info : Layers()) {
    const NetworkSpec network{.input_features = 5, .layers = {info.example}};
    EXPECT_NE(NetworkInWords(network).find(info.name), std::string::npos) << info.name;
  }
}

}  // namespace
}  // namespace descent::pages
