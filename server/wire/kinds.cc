#include "server/wire/kinds.h"

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <variant>

#include "core/check.h"
#include "google/protobuf/descriptor.h"

namespace descent::wire {
namespace {

using google::protobuf::FieldDescriptor;
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

// A field of a parameter message and the member of the options that holds its value.
template <typename Options>
struct Parameter {
  const char* field;
  std::variant<double Options::*, bool Options::*, std::int64_t Options::*> member;
};

constexpr Parameter<SgdOptions> kSgd[] = {{"momentum", &SgdOptions::momentum},
                                          {"nesterov", &SgdOptions::nesterov},
                                          {"weight_decay", &SgdOptions::weight_decay}};
constexpr Parameter<AdamOptions> kAdam[] = {{"beta1", &AdamOptions::beta1},
                                            {"beta2", &AdamOptions::beta2},
                                            {"epsilon", &AdamOptions::epsilon},
                                            {"weight_decay", &AdamOptions::weight_decay},
                                            {"amsgrad", &AdamOptions::amsgrad}};
constexpr Parameter<AdamWOptions> kAdamW[] = {{"beta1", &AdamWOptions::beta1},
                                              {"beta2", &AdamWOptions::beta2},
                                              {"epsilon", &AdamWOptions::epsilon},
                                              {"weight_decay", &AdamWOptions::weight_decay},
                                              {"amsgrad", &AdamWOptions::amsgrad}};
constexpr Parameter<RmsPropOptions> kRmsProp[] = {{"alpha", &RmsPropOptions::alpha},
                                                  {"epsilon", &RmsPropOptions::epsilon},
                                                  {"momentum", &RmsPropOptions::momentum},
                                                  {"centered", &RmsPropOptions::centered},
                                                  {"weight_decay", &RmsPropOptions::weight_decay}};
constexpr Parameter<AdagradOptions> kAdagrad[] = {
    {"epsilon", &AdagradOptions::epsilon},
    {"initial_accumulator_value", &AdagradOptions::initial_accumulator_value},
    {"lr_decay", &AdagradOptions::lr_decay},
    {"weight_decay", &AdagradOptions::weight_decay}};
constexpr Parameter<AdadeltaOptions> kAdadelta[] = {
    {"rho", &AdadeltaOptions::rho},
    {"epsilon", &AdadeltaOptions::epsilon},
    {"weight_decay", &AdadeltaOptions::weight_decay}};
constexpr Parameter<NadamOptions> kNadam[] = {{"beta1", &NadamOptions::beta1},
                                              {"beta2", &NadamOptions::beta2},
                                              {"epsilon", &NadamOptions::epsilon},
                                              {"momentum_decay", &NadamOptions::momentum_decay},
                                              {"weight_decay", &NadamOptions::weight_decay}};
constexpr Parameter<LionOptions> kLion[] = {{"beta1", &LionOptions::beta1},
                                            {"beta2", &LionOptions::beta2},
                                            {"weight_decay", &LionOptions::weight_decay}};
constexpr Parameter<FtrlOptions> kFtrl[] = {
    {"beta", &FtrlOptions::beta}, {"l1", &FtrlOptions::l1}, {"l2", &FtrlOptions::l2}};

constexpr Parameter<StepSchedule> kStep[] = {{"step_size", &StepSchedule::step_size},
                                             {"gamma", &StepSchedule::gamma}};
constexpr Parameter<ExponentialSchedule> kExponential[] = {{"gamma", &ExponentialSchedule::gamma}};
constexpr Parameter<CosineSchedule> kCosine[] = {
    {"period", &CosineSchedule::period},
    {"period_multiplier", &CosineSchedule::period_multiplier},
    {"minimum_learning_rate", &CosineSchedule::minimum_learning_rate}};
constexpr Parameter<InverseTimeSchedule> kInverseTime[] = {
    {"decay_steps", &InverseTimeSchedule::decay_steps},
    {"decay_rate", &InverseTimeSchedule::decay_rate}};

const FieldDescriptor* FindField(const Message& message, const char* name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  DESCENT_CHECK(field != nullptr);
  return field;
}

void Read(const Message& message, const FieldDescriptor* field, double* value) {
  *value = message.GetReflection()->GetDouble(message, field);
}
void Read(const Message& message, const FieldDescriptor* field, bool* value) {
  *value = message.GetReflection()->GetBool(message, field);
}
void Read(const Message& message, const FieldDescriptor* field, std::int64_t* value) {
  *value = message.GetReflection()->GetInt64(message, field);
}
void Write(double value, const FieldDescriptor* field, Message* message) {
  message->GetReflection()->SetDouble(message, field, value);
}
void Write(bool value, const FieldDescriptor* field, Message* message) {
  message->GetReflection()->SetBool(message, field, value);
}
void Write(std::int64_t value, const FieldDescriptor* field, Message* message) {
  message->GetReflection()->SetInt64(message, field, value);
}

// The row of a case whose parameters are `kParameters`, an array of Parameter<Options>.
template <typename Variant, const auto& kParameters>
constexpr AlternativeRow<Variant> Row(const char* name) {
  using Options = std::remove_cvref_t<decltype([]<typename T>(const Parameter<T>&) {
    return T{};
  }(kParameters[0]))>;
  return {name,
          [](const Message& message, Variant* options) {
            Options decoded;
            for (const auto& parameter : kParameters) {
              const FieldDescriptor* field = FindField(message, parameter.field);
              if (field->has_presence() && !message.GetReflection()->HasField(message, field)) {
                continue;
              }
              std::visit([&](auto member) { Read(message, field, &(decoded.*member)); },
                         parameter.member);
            }
            *options = decoded;
          },
          [](const Variant& options, Message* message) {
            const auto& encoded = std::get<Options>(options);
            for (const auto& parameter : kParameters) {
              const FieldDescriptor* field = FindField(*message, parameter.field);
              std::visit([&](auto member) { Write(encoded.*member, field, message); },
                         parameter.member);
            }
          }};
}

constexpr AlternativeRow<OptimizerOptions> kOptimizers[] = {
    Row<OptimizerOptions, kSgd>("sgd"),         Row<OptimizerOptions, kAdam>("adam"),
    Row<OptimizerOptions, kAdamW>("adamw"),     Row<OptimizerOptions, kRmsProp>("rmsprop"),
    Row<OptimizerOptions, kAdagrad>("adagrad"), Row<OptimizerOptions, kAdadelta>("adadelta"),
    Row<OptimizerOptions, kNadam>("nadam"),     Row<OptimizerOptions, kLion>("lion"),
    Row<OptimizerOptions, kFtrl>("ftrl"),
};
static_assert(std::size(kOptimizers) == std::variant_size_v<OptimizerOptions>);

constexpr AlternativeRow<Decay> kDecays[] = {
    {"constant", [](const Message&, Decay* decay) { *decay = ConstantSchedule{}; },
     [](const Decay&, Message*) {}},
    Row<Decay, kStep>("step"),
    Row<Decay, kExponential>("exponential"),
    Row<Decay, kCosine>("cosine"),
    Row<Decay, kInverseTime>("inverse_time"),
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
