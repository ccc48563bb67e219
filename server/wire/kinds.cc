#include "server/wire/kinds.h"

#include <cstddef>
#include <iterator>
#include <variant>

#include "core/spec_fields.h"
#include "server/wire/parameter_fields.h"

namespace descent::wire {
namespace {

using google::protobuf::Message;

constexpr KindRow<v1::ActivationKind, ActivationSpec> kActivations[] = {
    {v1::ACTIVATION_KIND_IDENTITY, IdentityActivation{}},
    {v1::ACTIVATION_KIND_SIGMOID, SigmoidActivation{}},
    {v1::ACTIVATION_KIND_TANH, TanhActivation{}},
    {v1::ACTIVATION_KIND_RELU, ReluActivation{}},
    {v1::ACTIVATION_KIND_SOFTSIGN, SoftsignActivation{}},
    {v1::ACTIVATION_KIND_LEAKY_RELU, LeakyReluActivation{}},
    {v1::ACTIVATION_KIND_ELU, EluActivation{}},
    {v1::ACTIVATION_KIND_SELU, SeluActivation{}},
    {v1::ACTIVATION_KIND_GELU, GeluActivation{}},
    {v1::ACTIVATION_KIND_GELU_TANH, GeluTanhActivation{}},
    {v1::ACTIVATION_KIND_SILU, SiluActivation{}},
    {v1::ACTIVATION_KIND_MISH, MishActivation{}},
    {v1::ACTIVATION_KIND_SOFTPLUS, SoftplusActivation{}},
    {v1::ACTIVATION_KIND_HARD_SIGMOID, HardSigmoidActivation{}},
    {v1::ACTIVATION_KIND_HARD_SWISH, HardSwishActivation{}},
    {v1::ACTIVATION_KIND_RELU6, Relu6Activation{}},
    {v1::ACTIVATION_KIND_EXPONENTIAL, ExponentialActivation{}},
};
static_assert(std::size(kActivations) == std::variant_size_v<ActivationSpec>);

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

constexpr KindRow<v1::LossKind, LossSpec> kLosses[] = {
    {v1::LOSS_KIND_HALF_SQUARED_ERROR, HalfSquaredErrorLoss{}},
    {v1::LOSS_KIND_MEAN_SQUARED_ERROR, MeanSquaredErrorLoss{}},
    {v1::LOSS_KIND_MEAN_ABSOLUTE_ERROR, MeanAbsoluteErrorLoss{}},
    {v1::LOSS_KIND_HUBER, HuberLoss{}},
    {v1::LOSS_KIND_LOG_COSH, LogCoshLoss{}},
    {v1::LOSS_KIND_SOFTMAX_CROSS_ENTROPY, SoftmaxCrossEntropyLoss{}},
    {v1::LOSS_KIND_BINARY_CROSS_ENTROPY, BinaryCrossEntropyLoss{}},
    {v1::LOSS_KIND_POISSON, PoissonLoss{}},
    {v1::LOSS_KIND_QUANTILE, QuantileLoss{}},
};
static_assert(std::size(kLosses) == std::variant_size_v<LossSpec>);

constexpr KindRow<v1::DataType, DataType> kNetworkDataTypes[] = {
    {v1::DATA_TYPE_FLOAT32, DataType::kFloat32},
    {v1::DATA_TYPE_FLOAT64, DataType::kFloat64},
};

constexpr KindRow<v1::Durability, models::Durability> kDurabilities[] = {
    {v1::DURABILITY_JOURNAL, models::Durability::kJournal},
    {v1::DURABILITY_CHECKPOINT, models::Durability::kCheckpoint},
    {v1::DURABILITY_MEMORY, models::Durability::kMemory},
};

constexpr KindRow<v1::Hashing, Hashing> kHashings[] = {
    {v1::HASHING_NONE, Hashing::kNone},
    {v1::HASHING_XXH64, Hashing::kXxh64},
};

constexpr KindRow<v1::Combiner, Combiner> kCombiners[] = {
    {v1::COMBINER_SUM, Combiner::kSum},
    {v1::COMBINER_MEAN, Combiner::kMean},
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

absl::Span<const KindRow<v1::ActivationKind, ActivationSpec>> ActivationRows() {
  return kActivations;
}
absl::Span<const KindRow<v1::InitializerKind, InitializerKind>> InitializerRows() {
  return kInitializers;
}
absl::Span<const KindRow<v1::LossKind, LossSpec>> LossRows() { return kLosses; }
absl::Span<const KindRow<v1::DataType, DataType>> NetworkDataTypeRows() {
  return kNetworkDataTypes;
}
absl::Span<const KindRow<v1::Durability, models::Durability>> DurabilityRows() {
  return kDurabilities;
}
absl::Span<const KindRow<v1::Hashing, Hashing>> HashingRows() { return kHashings; }
absl::Span<const KindRow<v1::Combiner, Combiner>> CombinerRows() { return kCombiners; }
absl::Span<const AlternativeRow<OptimizerOptions>> OptimizerRows() { return kOptimizers; }
absl::Span<const AlternativeRow<Decay>> DecayRows() { return kDecays; }

}  // namespace descent::wire
