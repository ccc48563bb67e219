#include "server/wire/kinds.h"

#include <cstddef>
#include <variant>

#include "core/spec_fields.h"
#include "server/wire/parameter_fields.h"

namespace descent::wire {
namespace {

using google::protobuf::Message;

constexpr KindRow<v1::ActivationKind, ActivationKind> kActivations[] = {
    {v1::ACTIVATION_KIND_IDENTITY, ActivationKind::kIdentity},
    {v1::ACTIVATION_KIND_SIGMOID, ActivationKind::kSigmoid},
    {v1::ACTIVATION_KIND_TANH, ActivationKind::kTanh},
    {v1::ACTIVATION_KIND_RELU, ActivationKind::kRelu},
    {v1::ACTIVATION_KIND_SOFTSIGN, ActivationKind::kSoftsign},
    {v1::ACTIVATION_KIND_LEAKY_RELU, ActivationKind::kLeakyRelu},
    {v1::ACTIVATION_KIND_ELU, ActivationKind::kElu},
    {v1::ACTIVATION_KIND_SELU, ActivationKind::kSelu},
    {v1::ACTIVATION_KIND_GELU, ActivationKind::kGelu},
    {v1::ACTIVATION_KIND_GELU_TANH, ActivationKind::kGeluTanh},
    {v1::ACTIVATION_KIND_SILU, ActivationKind::kSilu},
    {v1::ACTIVATION_KIND_MISH, ActivationKind::kMish},
    {v1::ACTIVATION_KIND_SOFTPLUS, ActivationKind::kSoftplus},
    {v1::ACTIVATION_KIND_HARD_SIGMOID, ActivationKind::kHardSigmoid},
    {v1::ACTIVATION_KIND_HARD_SWISH, ActivationKind::kHardSwish},
    {v1::ACTIVATION_KIND_RELU6, ActivationKind::kRelu6},
    {v1::ACTIVATION_KIND_EXPONENTIAL, ActivationKind::kExponential},
};

constexpr KindRow<v1::InitializerKind, InitializerKind> kInitializers[] = {
    {v1::INITIALIZER_KIND_GLOROT_UNIFORM, InitializerKind::kGlorotUniform},
    {v1::INITIALIZER_KIND_GLOROT_NORMAL, InitializerKind::kGlorotNormal},
    {v1::INITIALIZER_KIND_HE_UNIFORM, InitializerKind::kHeUniform},
    {v1::INITIALIZER_KIND_HE_NORMAL, InitializerKind::kHeNormal},
    {v1::INITIALIZER_KIND_LECUN_NORMAL, InitializerKind::kLecunNormal},
    {v1::INITIALIZER_KIND_FAN_IN_UNIFORM, InitializerKind::kFanInUniform},
    {v1::INITIALIZER_KIND_ZEROS, InitializerKind::kZeros},
    {v1::INITIALIZER_KIND_CONSTANT, InitializerKind::kConstant},
};

constexpr KindRow<v1::LossKind, LossKind> kLosses[] = {
    {v1::LOSS_KIND_HALF_SQUARED_ERROR, LossKind::kHalfSquaredError},
    {v1::LOSS_KIND_MEAN_SQUARED_ERROR, LossKind::kMeanSquaredError},
    {v1::LOSS_KIND_MEAN_ABSOLUTE_ERROR, LossKind::kMeanAbsoluteError},
    {v1::LOSS_KIND_HUBER, LossKind::kHuber},
    {v1::LOSS_KIND_LOG_COSH, LossKind::kLogCosh},
    {v1::LOSS_KIND_SOFTMAX_CROSS_ENTROPY, LossKind::kSoftmaxCrossEntropy},
    {v1::LOSS_KIND_BINARY_CROSS_ENTROPY, LossKind::kBinaryCrossEntropy},
    {v1::LOSS_KIND_POISSON, LossKind::kPoisson},
    {v1::LOSS_KIND_QUANTILE, LossKind::kQuantile},
};

constexpr KindRow<v1::DataType, DataType> kNetworkDataTypes[] = {
    {v1::DATA_TYPE_FLOAT32, DataType::kFloat32},
    {v1::DATA_TYPE_FLOAT64, DataType::kFloat64},
};

constexpr KindRow<v1::Durability, models::Durability> kDurabilities[] = {
    {v1::DURABILITY_JOURNAL, models::Durability::kJournal},
    {v1::DURABILITY_CHECKPOINT, models::Durability::kCheckpoint},
    {v1::DURABILITY_MEMORY, models::Durability::kMemory},
};

// The row of the alternative `Options`, whose parameters are the fields of one message.
template <typename Variant, typename Options>
constexpr AlternativeRow<Variant> Row(const char* name) {
  return {name,
          [](const Message& message, Variant* options) {
            Options decoded;
            ParameterReader fields(message);
            Describe(fields, decoded);
            *options = decoded;
          },
          [](const Variant& options, Message* message) {
            ParameterWriter fields(message);
            Describe(fields, std::get<Options>(options));
          }};
}

constexpr AlternativeRow<OptimizerOptions> kOptimizers[] = {
    Row<OptimizerOptions, SgdOptions>("sgd"),
    Row<OptimizerOptions, AdamOptions>("adam"),
    Row<OptimizerOptions, AdamWOptions>("adamw"),
    Row<OptimizerOptions, RmsPropOptions>("rmsprop"),
    Row<OptimizerOptions, AdagradOptions>("adagrad"),
    Row<OptimizerOptions, AdadeltaOptions>("adadelta"),
    Row<OptimizerOptions, NadamOptions>("nadam"),
    Row<OptimizerOptions, LionOptions>("lion"),
    Row<OptimizerOptions, FtrlOptions>("ftrl"),
};
static_assert(std::size(kOptimizers) == std::variant_size_v<OptimizerOptions>);

constexpr AlternativeRow<Decay> kDecays[] = {
    Row<Decay, ConstantSchedule>("constant"),        Row<Decay, StepSchedule>("step"),
    Row<Decay, ExponentialSchedule>("exponential"),  Row<Decay, CosineSchedule>("cosine"),
    Row<Decay, InverseTimeSchedule>("inverse_time"),
};
static_assert(std::size(kDecays) == std::variant_size_v<Decay>);

}  // namespace

absl::Span<const KindRow<v1::ActivationKind, ActivationKind>> ActivationRows() {
  return kActivations;
}
absl::Span<const KindRow<v1::InitializerKind, InitializerKind>> InitializerRows() {
  return kInitializers;
}
absl::Span<const KindRow<v1::LossKind, LossKind>> LossRows() { return kLosses; }
absl::Span<const KindRow<v1::DataType, DataType>> NetworkDataTypeRows() {
  return kNetworkDataTypes;
}
absl::Span<const KindRow<v1::Durability, models::Durability>> DurabilityRows() {
  return kDurabilities;
}
absl::Span<const AlternativeRow<OptimizerOptions>> OptimizerRows() { return kOptimizers; }
absl::Span<const AlternativeRow<Decay>> DecayRows() { return kDecays; }

}  // namespace descent::wire
