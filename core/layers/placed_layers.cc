#include "core/layers/placed_layers.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/layers/kinds.h"
#include "core/layers/sizes.h"
#include "core/status_macros.h"

namespace descent {
namespace {

void Hold(std::unique_ptr<const Layer> layer, PlacedLayer* placed) {
  placed->units = layer->units();
  placed->keeps = layer->Keeps(/*training=*/false);
  placed->keeps_in_training = layer->Keeps(/*training=*/true);
  placed->keeps_rows = layer->KeepsRows();
  placed->has_pre_activation = layer->HasPreActivation();
  const Activation* const activation = layer->activation();
  if (activation != nullptr && !activation->IsIdentity()) {
    placed->activation = activation;
    placed->derivative_needs_pre_activation = activation->DerivativeNeedsPreActivation();
  }
  placed->layer = std::move(layer);
}

class Placer {
 public:
  explicit Placer(const NetworkSpec& spec)
      : seed_(spec.seed),
        placed_{.layers = {},
                .layout = ParameterLayout(spec.data_type),
                .initials = {},
                .tables = {},
                .first_width = FirstWidth(spec)} {}

  // Places layers that read `inputs` units of layer `source`, their names and fields beginning as
  // given. Gives back the units of the last. Errors name the whole field.
  absl::StatusOr<std::int64_t> Place(absl::Span<const LayerSpec> specs, int source,
                                     std::int64_t inputs, const std::string& name,
                                     const std::string& field, int nesting) {
    const std::string all = absl::StrCat(field, "layers");
    if (specs.empty()) return InvalidField(all, "expected at least one layer, got none");
    if (nesting > kMaxNesting) {
      return InvalidField(
          all, absl::StrCat("expected layers nested at most ", kMaxNesting, " deep, got more"));
    }
    for (std::size_t i = 0; i < specs.size(); ++i) {
      const LayerInfo& info = GetLayerInfo(specs[i]);
      const std::string at = absl::StrCat(field, "layers[", i, "].", std::string(info.name));
      PlacedLayer placed{.name = absl::StrCat(name, "layers.", i),
                         .layer = nullptr,
                         .source = source,
                         .branch = -1,
                         .skips = {}};
      LayerContext context{.place = 0, .inputs = inputs, .branch = 0};
      const std::size_t first = placed_.layers.size();
      if (info.layers != nullptr) {
        ASSIGN_OR_RETURN(context.branch,
                         Place(info.layers(specs[i]), source, inputs,
                               absl::StrCat(placed.name, "."), absl::StrCat(at, "."), nesting + 1));
        placed.branch = static_cast<int>(placed_.layers.size()) - 1;
      }
      context.place = static_cast<int>(placed_.layers.size());
      if (placed.branch >= 0) placed_.layers[first].skips.push_back(context.place);
      auto layer = info.make(specs[i], context);
      if (!layer.ok()) return WithFieldPrefix(layer.status(), at);
      RETURN_IF_ERROR(AddParameters(info, at, placed.name, layer->get()));
      inputs = (*layer)->units();
      source = context.place;
      Hold(*std::move(layer), &placed);
      placed_.layers.push_back(std::move(placed));
    }
    return inputs;
  }

  // Places the tables of valid categorical inputs, whose blocks follow the numeric inputs.
  absl::Status PlaceTables(const NetworkSpec& spec) {
    std::int64_t column = spec.input_features;
    for (std::size_t i = 0; i < spec.categorical_inputs.size(); ++i) {
      const CategoricalInputSpec& input = spec.categorical_inputs[i];
      if (!Fits({input.buckets, input.dimension})) {
        return TooManyParameters(absl::StrCat("categorical_inputs[", i, "].buckets"));
      }
      InitializerSpec initializer = input.initializer;
      if (!initializer.kind.has_value()) initializer.kind = InitializerKind::kLecunNormal;
      AddInitial(initializer, input.dimension, input.dimension, /*gain=*/1);
      placed_.tables.push_back(
          {.offset = placed_.layout.AddTable(absl::StrCat("embeddings.", input.name), input.buckets,
                                             input.dimension),
           .buckets = input.buckets,
           .dimension = input.dimension,
           .combiner = input.combiner,
           .column = column});
      column += input.dimension;
    }
    return absl::OkStatus();
  }

  std::int64_t first_width() const { return placed_.first_width; }
  PlacedLayers Take() { return std::move(placed_); }

 private:
  // Valid sizes are at most 2^40 each, and there are at most 1024 of them.
  static std::int64_t FirstWidth(const NetworkSpec& spec) {
    std::int64_t width = spec.input_features;
    for (const CategoricalInputSpec& input : spec.categorical_inputs) width += input.dimension;
    return width;
  }

  // Whether a tensor still goes into the flat buffer.
  bool Fits(const std::vector<std::int64_t>& shape) const {
    std::int64_t left = kMaxElements - placed_.layout.parameter_count();
    for (const std::int64_t extent : shape) left /= extent;
    return left > 0;
  }

  static absl::Status TooManyParameters(const std::string& field) {
    return InvalidField(
        field, absl::StrCat("the network would have more than ", kMaxElements, " parameters"));
  }

  void AddInitial(const InitializerSpec& initializer, std::int64_t fan_in, std::int64_t fan_out,
                  double gain) {
    placed_.initials.push_back({.initializer = initializer,
                                .context = {.seed = seed_,
                                            .parameter = placed_.initials.size(),
                                            .fan_in = fan_in,
                                            .fan_out = fan_out,
                                            .gain = gain}});
  }

  absl::Status AddParameters(const LayerInfo& info, const std::string& field,
                             const std::string& name, Layer* layer) {
    std::vector<std::int64_t> offsets;
    for (LayerParameter& parameter : layer->Parameters()) {
      if (!Fits(parameter.shape)) {
        return TooManyParameters(info.size_field.empty()
                                     ? field
                                     : absl::StrCat(field, ".", std::string(info.size_field)));
      }
      AddInitial(parameter.initializer, layer->inputs(), layer->units(), parameter.gain);
      offsets.push_back(placed_.layout.Add(absl::StrCat(name, ".", std::string(parameter.role)),
                                           std::move(parameter.shape), parameter.is_per_unit));
    }
    layer->Place(offsets);
    return absl::OkStatus();
  }

  const std::uint64_t seed_;
  PlacedLayers placed_;
};

}  // namespace

absl::StatusOr<PlacedLayers> PlaceLayers(const NetworkSpec& spec) {
  Placer placer(spec);
  RETURN_IF_ERROR(
      placer.Place(spec.layers, /*source=*/-1, placer.first_width(), "", "", /*nesting=*/0)
          .status());
  RETURN_IF_ERROR(placer.PlaceTables(spec));
  return placer.Take();
}

}  // namespace descent
