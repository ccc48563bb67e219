#include "core/layers/kinds.h"

#include <iterator>
#include <variant>

#include "core/check.h"
#include "core/layers/dense.h"
#include "core/layers/dropout.h"
#include "core/layers/layer_norm.h"
#include "core/layers/residual.h"

namespace descent {
namespace {

using MadeLayer = absl::StatusOr<std::unique_ptr<Layer>>;

MadeLayer MakeDense(const LayerSpec& spec, const LayerContext& context) {
  return DenseLayer::Create(std::get<DenseSpec>(spec), context.inputs);
}
MadeLayer MakeDropout(const LayerSpec& spec, const LayerContext& context) {
  return DropoutLayer::Create(std::get<DropoutSpec>(spec), context.inputs, context.place);
}
MadeLayer MakeLayerNorm(const LayerSpec& spec, const LayerContext& context) {
  return LayerNormLayer::Create(std::get<LayerNormSpec>(spec), context.inputs);
}
MadeLayer MakeResidual(const LayerSpec& /*spec*/, const LayerContext& context) {
  return ResidualLayer::Create(context.inputs, context.branch);
}
absl::Span<const LayerSpec> ResidualLayers(const LayerSpec& spec) {
  return std::get<ResidualSpec>(spec).layers;
}

const LayerInfo kLayers[] = {
    {"dense", "units", MakeDense, nullptr, DenseSpec{.units = 5}},
    {"dropout", "", MakeDropout, nullptr, DropoutSpec{.rate = 0.4}},
    {"layer_norm", "", MakeLayerNorm, nullptr, LayerNormSpec{}},
    {"residual", "", MakeResidual, ResidualLayers, ResidualSpec{{DenseSpec{.units = 5}}}},
};

}  // namespace

absl::Span<const LayerInfo> Layers() { return kLayers; }

const LayerInfo& GetLayerInfo(const LayerSpec& spec) {
  DESCENT_CHECK(spec.index() < std::size(kLayers));
  DESCENT_CHECK(kLayers[spec.index()].example.index() == spec.index());
  return kLayers[spec.index()];
}

void ForEachLayer(absl::Span<const LayerSpec> layers,
                  absl::FunctionRef<void(const LayerSpec&)> function) {
  for (const LayerSpec& layer : layers) {
    const LayerInfo& info = GetLayerInfo(layer);
    if (info.layers != nullptr) ForEachLayer(info.layers(layer), function);
    function(layer);
  }
}

}  // namespace descent
