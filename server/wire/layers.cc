#include "server/wire/layers.h"

#include <cstddef>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "server/wire/spec_parts.h"

namespace descent::wire {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

absl::StatusOr<ActivationSpec> DecodeActivation(const v1::Activation& message) {
  return DecodeKind(message, ActivationRows());
}

absl::StatusOr<InitializerSpec> DecodeInitializer(const v1::Initializer& message) {
  InitializerSpec spec;
  if (message.kind() != v1::INITIALIZER_KIND_UNSPECIFIED) {
    ASSIGN_OR_RETURN(spec.kind, FromWire("kind", InitializerRows(), message.kind()));
  }
  spec.scale = OptionalOf(message.has_scale(), message, &v1::Initializer::scale);
  if (spec.kind == InitializerKind::kZeros && spec.scale.has_value()) {
    return ContradictoryField("scale", "ZEROS takes none");
  }
  return spec;
}

void EncodeInitializer(const InitializerSpec& spec, v1::Initializer* message) {
  if (spec.kind.has_value()) message->set_kind(ToWire(InitializerRows(), *spec.kind));
  if (spec.scale.has_value()) message->set_scale(*spec.scale);
}

bool IsDefault(const InitializerSpec& spec) { return !spec.kind && !spec.scale; }

absl::StatusOr<DenseSpec> DecodeDense(const v1::DenseLayer& message) {
  DenseSpec spec;
  spec.units = message.units();
  if (message.has_activation()) {
    ASSIGN_OR_RETURN(spec.activation,
                     DecodeMember("activation", DecodeActivation, message.activation()));
  }
  spec.omit_bias = message.omit_bias();
  ASSIGN_OR_RETURN(spec.kernel_initializer, DecodeMember("kernel_initializer", DecodeInitializer,
                                                         message.kernel_initializer()));
  ASSIGN_OR_RETURN(spec.bias_initializer,
                   DecodeMember("bias_initializer", DecodeInitializer, message.bias_initializer()));
  if (spec.omit_bias && message.has_bias_initializer()) {
    return ContradictoryField("bias_initializer", "the layer has no bias (omit_bias)");
  }
  if (!spec.bias_initializer.kind && spec.bias_initializer.scale) {
    return ContradictoryField("bias_initializer.scale", "a bias starts at zero unless kind is set");
  }
  return spec;
}

void EncodeDense(const DenseSpec& spec, v1::DenseLayer* message) {
  message->set_units(spec.units);
  EncodeKind(spec.activation, ActivationRows(), message->mutable_activation());
  message->set_omit_bias(spec.omit_bias);
  if (!IsDefault(spec.kernel_initializer)) {
    EncodeInitializer(spec.kernel_initializer, message->mutable_kernel_initializer());
  }
  if (!IsDefault(spec.bias_initializer)) {
    EncodeInitializer(spec.bias_initializer, message->mutable_bias_initializer());
  }
}

absl::StatusOr<ResidualSpec> DecodeResidual(const v1::ResidualLayer& message) {
  ResidualSpec spec;
  ASSIGN_OR_RETURN(spec.layers, DecodeLayers(message.layers()));
  return spec;
}

void EncodeResidual(const ResidualSpec& spec, v1::ResidualLayer* message) {
  EncodeLayers(spec.layers, message->mutable_layers());
}

// A case of Layer.kind and its counterpart.
struct LayerRow {
  const char* field;  // the case's name
  absl::StatusOr<LayerSpec> (*decode)(const Message& message);
  void (*encode)(const LayerSpec& spec, Message* message);
};

// The row of a kind with a decoder and encoder of its own.
template <typename KindMessage, auto kDecode, auto kEncode>
constexpr LayerRow RowOf(const char* field) {
  using Spec = typename decltype(kDecode(std::declval<const KindMessage&>()))::value_type;
  return {field,
          [](const Message& message) -> absl::StatusOr<LayerSpec> {
            return kDecode(static_cast<const KindMessage&>(message));
          },
          [](const LayerSpec& spec, Message* message) {
            kEncode(std::get<Spec>(spec), static_cast<KindMessage*>(message));
          }};
}

// Row i is alternative i of LayerSpec.
constexpr LayerRow kLayers[] = {
    RowOf<v1::DenseLayer, DecodeDense, EncodeDense>("dense"),
    RowOf<v1::DropoutLayer, DecodeParameters<DropoutSpec>, EncodeParameters<DropoutSpec>>(
        "dropout"),
    RowOf<v1::LayerNormLayer, DecodeParameters<LayerNormSpec>, EncodeParameters<LayerNormSpec>>(
        "layer_norm"),
    RowOf<v1::ResidualLayer, DecodeResidual, EncodeResidual>("residual"),
};
static_assert(std::size(kLayers) == std::variant_size_v<LayerVariant>);

absl::StatusOr<LayerSpec> DecodeLayer(const v1::Layer& message) {
  const FieldDescriptor* const field = CaseOf(message, "kind");
  if (field == nullptr) return RequiredField("kind");
  for (const LayerRow& row : kLayers) {
    if (field->name() != row.field) continue;
    auto layer = row.decode(v1::Layer::GetReflection()->GetMessage(message, field));
    if (!layer.ok()) return WithFieldPrefix(std::move(layer).status(), row.field);
    return layer;
  }
  DESCENT_CHECK(false);
}

absl::StatusOr<CategoricalInputSpec> DecodeCategoricalInput(const v1::CategoricalInput& message) {
  CategoricalInputSpec spec;
  spec.name = message.name();
  spec.buckets = message.buckets();
  spec.dimension = message.dimension();
  if (message.hashing() != v1::HASHING_UNSPECIFIED) {
    ASSIGN_OR_RETURN(spec.hashing, FromWire("hashing", HashingRows(), message.hashing()));
  }
  if (message.combiner() != v1::COMBINER_UNSPECIFIED) {
    ASSIGN_OR_RETURN(spec.combiner, FromWire("combiner", CombinerRows(), message.combiner()));
  }
  ASSIGN_OR_RETURN(spec.initializer,
                   DecodeMember("initializer", DecodeInitializer, message.initializer()));
  return spec;
}

}  // namespace

absl::StatusOr<std::vector<LayerSpec>> DecodeLayers(const LayerMessages& messages) {
  std::vector<LayerSpec> specs;
  for (int i = 0; i < messages.size(); ++i) {
    auto layer = DecodeLayer(messages[i]);
    if (!layer.ok()) {
      return WithFieldPrefix(std::move(layer).status(), absl::StrCat("layers[", i, "]"));
    }
    specs.push_back(*std::move(layer));
  }
  return specs;
}

void EncodeLayers(const std::vector<LayerSpec>& specs, LayerMessages* messages) {
  for (const LayerSpec& spec : specs) {
    const LayerRow& row = kLayers[spec.index()];
    v1::Layer* const layer = messages->Add();
    row.encode(spec,
               v1::Layer::GetReflection()->MutableMessage(layer, FindField(*layer, row.field)));
  }
}

absl::StatusOr<std::vector<CategoricalInputSpec>> DecodeCategoricalInputs(
    const CategoricalInputMessages& messages) {
  std::vector<CategoricalInputSpec> specs;
  for (int i = 0; i < messages.size(); ++i) {
    auto input = DecodeCategoricalInput(messages[i]);
    if (!input.ok()) {
      return WithFieldPrefix(std::move(input).status(),
                             absl::StrCat("categorical_inputs[", i, "]"));
    }
    specs.push_back(*std::move(input));
  }
  return specs;
}

void EncodeCategoricalInputs(const std::vector<CategoricalInputSpec>& specs,
                             CategoricalInputMessages* messages) {
  for (const CategoricalInputSpec& spec : specs) {
    v1::CategoricalInput* const message = messages->Add();
    message->set_name(spec.name);
    message->set_buckets(spec.buckets);
    message->set_dimension(spec.dimension);
    message->set_hashing(ToWire(HashingRows(), spec.hashing));
    message->set_combiner(ToWire(CombinerRows(), spec.combiner));
    if (!IsDefault(spec.initializer)) {
      EncodeInitializer(spec.initializer, message->mutable_initializer());
    }
  }
}

}  // namespace descent::wire
