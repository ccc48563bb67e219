#include "client/cli/layers.h"

#include <limits>
#include <string>

#include "client/cli/specs.h"
#include "gtest/gtest.h"

namespace descent::cli {
namespace {

// "dense 8; residual(norm; dense 8)": what a network consists of, shortly.
std::string Shortly(const google::protobuf::RepeatedPtrField<v1::Layer>& layers) {
  std::string text;
  for (const v1::Layer& layer : layers) {
    if (!text.empty()) text += "; ";
    if (layer.has_dense()) {
      text += "dense " + std::to_string(layer.dense().units());
      if (layer.dense().has_activation()) text += " " + NameOf(layer.dense().activation().kind());
    } else if (layer.has_dropout()) {
      text += "dropout";
    } else if (layer.has_layer_norm()) {
      text += "norm";
    } else {
      text += "residual(" + Shortly(layer.residual().layers()) + ")";
    }
  }
  return text;
}

v1::NetworkSpec Build(HiddenLayers hidden) {
  v1::NetworkSpec network;
  network.set_input_features(4);
  hidden.activation.set_kind(v1::ACTIVATION_KIND_RELU);
  AddLayers(hidden, /*outputs=*/2, v1::Initializer(), &network);
  return network;
}

TEST(LayersTest, AreDenseUnlessMoreIsAskedFor) {
  EXPECT_EQ(Shortly(Build({.units = {8, 8}}).layers()), "dense 8 relu; dense 8 relu; dense 2");
  EXPECT_EQ(Shortly(Build({}).layers()), "dense 2");
}

TEST(LayersTest, DropoutFollowsEachHiddenLayer) {
  const v1::NetworkSpec network = Build({.units = {8, 3}, .dropout = 0.25});
  EXPECT_EQ(Shortly(network.layers()), "dense 8 relu; dropout; dense 3 relu; dropout; dense 2");
  EXPECT_EQ(network.layers(1).dropout().rate(), 0.25);
}

TEST(LayersTest, LayerNormPrecedesEachLayerButTheFirst) {
  EXPECT_EQ(Shortly(Build({.units = {8, 3}, .layer_norm = true}).layers()),
            "dense 8 relu; norm; dense 3 relu; norm; dense 2");
}

TEST(LayersTest, ResidualsAreWhereBothSidesAreAsWide) {
  EXPECT_EQ(Shortly(Build({.units = {8, 8, 3, 3}, .residual = true}).layers()),
            "dense 8 relu; residual(dense 8 relu); dense 3 relu; residual(dense 3 relu); dense 2");
  EXPECT_EQ(
      Shortly(
          Build({.units = {4, 4}, .dropout = 0.5, .layer_norm = true, .residual = true}).layers()),
      "dense 4 relu; dropout; residual(norm; dense 4 relu; dropout); norm; dense 2");
}

TEST(LayersTest, AreFoundWithinResiduals) {
  const v1::NetworkSpec network = Build({.units = {8, 8, 3}, .layer_norm = true, .residual = true});
  EXPECT_EQ(LayersInOrder(network).size(), 8);
  EXPECT_EQ(DenseLayers(network).size(), 4);
  EXPECT_EQ(OutputsOf(network), 2);
  EXPECT_EQ(ShapeOf(network), "4-8-8-3-2");
}

TEST(LayersTest, ManyAlikeAreCounted) {
  EXPECT_EQ(ShapeOf(Build({.units = {8, 8, 8}})), "4-8-8-8-2");
  EXPECT_EQ(ShapeOf(Build({.units = std::vector<int64_t>(65, 8)})), "4-8x65-2");
  EXPECT_EQ(ParseLayers("8x3,2")->size(), 4);
  for (const char* bad : {"8x", "x3", "8x0", "8x-1", "8x3x2", "8x10001", "0x3"}) {
    EXPECT_FALSE(ParseLayers(bad).ok()) << bad;
  }
}

TEST(LayersTest, ShapesBeginWithAllThatTheFirstLayerReads) {
  v1::NetworkSpec network = Build({.units = {8}});
  v1::CategoricalInput& shop = *network.add_categorical_inputs();
  shop.set_dimension(16);
  EXPECT_EQ(ShapeOf(network), "20-8-2");
  shop.set_dimension(std::numeric_limits<int64_t>::max());  // as anybody may answer
  EXPECT_FALSE(ShapeOf(network).empty());
}

}  // namespace
}  // namespace descent::cli
