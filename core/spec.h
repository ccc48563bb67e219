// What a network and its optimizer are: plain descriptions, with the defaults of the wire contract.
// Validated by Network::Create and Optimizer creation, not here.

#ifndef CORE_SPEC_H_
#define CORE_SPEC_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/data_type.h"

namespace descent {

// Activations, one struct a kind with its parameters. Definitions: core/activations/.

struct IdentityActivation {};
struct SigmoidActivation {};
struct TanhActivation {};
struct ReluActivation {};
struct SoftsignActivation {};
struct LeakyReluActivation {
  double alpha = 0.01;
};
struct EluActivation {
  double alpha = 1;
};
struct SeluActivation {};
struct GeluActivation {};
struct GeluTanhActivation {};
struct SiluActivation {};
struct MishActivation {};
struct SoftplusActivation {};
struct HardSigmoidActivation {};
struct HardSwishActivation {};
struct Relu6Activation {};
struct ExponentialActivation {};

// One of the kinds, in the order of the table in core/activations/kinds.cc.
using ActivationSpec =
    std::variant<IdentityActivation, SigmoidActivation, TanhActivation, ReluActivation,
                 SoftsignActivation, LeakyReluActivation, EluActivation, SeluActivation,
                 GeluActivation, GeluTanhActivation, SiluActivation, MishActivation,
                 SoftplusActivation, HardSigmoidActivation, HardSwishActivation, Relu6Activation,
                 ExponentialActivation>;

// Definitions: core/initializers/.
enum class InitializerKind : std::uint8_t {
  kGlorotUniform,
  kGlorotNormal,
  kHeUniform,
  kHeNormal,
  kLecunNormal,
  kFanInUniform,
  kZeros,
  kConstant,
};

struct InitializerSpec {
  // Unset: for kernels HE_UNIFORM before the ReLU family and GLOROT_UNIFORM otherwise, for biases
  // ZEROS.
  std::optional<InitializerKind> kind;
  // CONSTANT's value, or the factor on the others' gain. Unset: 0 for CONSTANT, otherwise 1.
  std::optional<double> scale;
};

// Layers. Definitions: core/layers/.

struct DenseSpec {
  std::int64_t units = 0;
  ActivationSpec activation = {};
  bool omit_bias = false;
  InitializerSpec kernel_initializer = {};
  InitializerSpec bias_initializer = {};
};

struct DropoutSpec {
  double rate = 0;  // in [0, 1)
};

struct LayerNormSpec {
  double epsilon = 1e-5;
  bool omit_bias = false;
};

struct LayerSpec;

struct ResidualSpec {
  std::vector<LayerSpec> layers;  // the last has as many units as what the first reads
};

// One of the kinds, in the order of the table in core/layers/kinds.cc.
struct LayerSpec : std::variant<DenseSpec, DropoutSpec, LayerNormSpec, ResidualSpec> {
  using variant::variant;
};

// Inputs are normalised by running statistics of the rows trained on: core/input_statistics.h.
struct InputNormalizationSpec {
  double epsilon = 1e-8;               // added to the variance
  std::int64_t freeze_after_rows = 0;  // no more rows count once so many have; 0: all do
  double half_life_rows = 0;           // a row counts half when so many have followed; 0: always 1
};

// Inputs of categories, each with a table of vectors: core/embeddings/.

enum class Hashing : std::uint8_t { kNone, kXxh64 };
enum class Combiner : std::uint8_t { kSum, kMean };

struct CategoricalInputSpec {
  std::string name;
  std::int64_t buckets = 0;
  std::int64_t dimension = 0;
  Hashing hashing = Hashing::kNone;  // of what callers send; the engine is handed rows of the table
  Combiner combiner = Combiner::kSum;
  InitializerSpec initializer = {};  // unset: LECUN_NORMAL
};

// Losses, one struct a kind with its parameters. Definitions: core/losses/.

struct HalfSquaredErrorLoss {};
struct MeanSquaredErrorLoss {};
struct MeanAbsoluteErrorLoss {};
struct HuberLoss {
  double delta = 1;
};
struct LogCoshLoss {};
struct SoftmaxCrossEntropyLoss {
  double label_smoothing = 0;
};
struct BinaryCrossEntropyLoss {};
struct PoissonLoss {};
struct QuantileLoss {
  double delta = 0.5;
};

// One of the kinds, in the order of the table in core/losses/kinds.cc.
using LossSpec = std::variant<HalfSquaredErrorLoss, MeanSquaredErrorLoss, MeanAbsoluteErrorLoss,
                              HuberLoss, LogCoshLoss, SoftmaxCrossEntropyLoss,
                              BinaryCrossEntropyLoss, PoissonLoss, QuantileLoss>;

struct NetworkSpec {
  std::int64_t input_features = 0;
  std::vector<LayerSpec> layers;
  LossSpec loss = MeanSquaredErrorLoss{};
  std::optional<InputNormalizationSpec> input_normalization;
  DataType data_type = DataType::kFloat32;
  std::uint64_t seed = 0;
  std::vector<CategoricalInputSpec> categorical_inputs;
};

// Hyperparameters. Definitions of the updates: core/optimizers/.

struct SgdOptions {
  double momentum = 0;
  bool nesterov = false;
  double weight_decay = 0;
};

struct AdamOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  bool amsgrad = false;
};

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 1e-2;
  bool amsgrad = false;
};

struct RmsPropOptions {
  double alpha = 0.99;
  double epsilon = 1e-8;
  double momentum = 0;
  bool centered = false;
  double weight_decay = 0;
};

struct AdagradOptions {
  double epsilon = 1e-10;
  double initial_accumulator_value = 0;
  double lr_decay = 0;
  double weight_decay = 0;
};

struct AdadeltaOptions {
  double rho = 0.9;
  double epsilon = 1e-6;
  double weight_decay = 0;
};

struct NadamOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double momentum_decay = 4e-3;
  double weight_decay = 0;
};

struct LionOptions {
  double beta1 = 0.9;
  double beta2 = 0.99;
  double weight_decay = 0;
};

struct FtrlOptions {
  double beta = 1;
  double l1 = 0;
  double l2 = 0;
};

using OptimizerOptions =
    std::variant<SgdOptions, AdamOptions, AdamWOptions, RmsPropOptions, AdagradOptions,
                 AdadeltaOptions, NadamOptions, LionOptions, FtrlOptions>;

// Learning-rate schedules: functions of the step alone. Definitions: core/schedules/.

struct ConstantSchedule {};

struct StepSchedule {
  std::int64_t step_size = 0;
  double gamma = 0.1;
};

struct ExponentialSchedule {
  double gamma = 0;
};

struct CosineSchedule {
  std::int64_t period = 0;             // steps of the first cycle
  std::int64_t period_multiplier = 1;  // each cycle is so many times longer than the one before
  double minimum_learning_rate = 0;
};

struct InverseTimeSchedule {
  std::int64_t decay_steps = 0;
  double decay_rate = 0;
};

struct ScheduleSpec {
  std::variant<ConstantSchedule, StepSchedule, ExponentialSchedule, CosineSchedule,
               InverseTimeSchedule>
      decay;
  // The first so many steps rise linearly to the base rate; the decay counts from their end.
  std::int64_t warmup_steps = 0;
};

struct OptimizerSpec {
  double learning_rate = 0;
  OptimizerOptions algorithm;
  ScheduleSpec schedule;
  std::optional<double> clip_norm;   // scales the whole gradient down to this 2-norm
  std::optional<double> clip_value;  // then clamps each element to [-clip_value, clip_value]
  bool exclude_bias_from_weight_decay = false;
};

}  // namespace descent

#endif  // CORE_SPEC_H_
