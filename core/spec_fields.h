// The fields of every spec by name, once, for all that read or write them: the store, the wire, the
// suites. They are the names of the wire contract. A kind's parameters are the fields of its
// struct:
//
//   fields.Field("units", dense.units);         bool, std::int64_t, std::uint64_t, double, an enum,
//                                               a spec, or std::optional or std::vector of these
//   fields.Field("loss", network.loss);         a variant: a spec with a "kind", the alternative's
//                                               name, and the alternative's fields beside it
//   fields.Alternative(optimizer.algorithm);    a variant: a field named after the alternative

#ifndef CORE_SPEC_FIELDS_H_
#define CORE_SPEC_FIELDS_H_

#include <concepts>
#include <type_traits>

#include "core/spec.h"

namespace descent {

// A `T`, constant or not.
template <typename T, typename Struct>
concept Of = std::same_as<std::remove_const_t<T>, Struct>;

using LayerVariant = LayerSpec::variant;

inline const LayerVariant& AsVariant(const LayerSpec& layer) { return layer; }
inline LayerVariant& AsVariant(LayerSpec& layer) { return layer; }

// A kind without parameters.
template <typename Fields, typename T>
  requires std::is_empty_v<T>
void Describe(Fields& /*fields*/, T& /*kind*/) {}

template <typename Fields, Of<LeakyReluActivation> T>
void Describe(Fields& fields, T& activation) {
  fields.Field("alpha", activation.alpha);
}

template <typename Fields, Of<EluActivation> T>
void Describe(Fields& fields, T& activation) {
  fields.Field("alpha", activation.alpha);
}

template <typename Fields, Of<InitializerSpec> T>
void Describe(Fields& fields, T& initializer) {
  fields.Field("kind", initializer.kind);
  fields.Field("scale", initializer.scale);
}

template <typename Fields, Of<DenseSpec> T>
void Describe(Fields& fields, T& layer) {
  fields.Field("units", layer.units);
  fields.Field("activation", layer.activation);
  fields.Field("omit_bias", layer.omit_bias);
  fields.Field("kernel_initializer", layer.kernel_initializer);
  fields.Field("bias_initializer", layer.bias_initializer);
}

template <typename Fields, Of<DropoutSpec> T>
void Describe(Fields& fields, T& layer) {
  fields.Field("rate", layer.rate);
}

template <typename Fields, Of<LayerNormSpec> T>
void Describe(Fields& fields, T& layer) {
  fields.Field("epsilon", layer.epsilon);
  fields.Field("omit_bias", layer.omit_bias);
}

template <typename Fields, Of<ResidualSpec> T>
void Describe(Fields& fields, T& layer) {
  fields.Field("layers", layer.layers);
}

// A layer, whose kind is the name of its one field.
template <typename Fields, Of<LayerSpec> T>
void Describe(Fields& fields, T& layer) {
  fields.Alternative(AsVariant(layer));
}

template <typename Fields, Of<InputNormalizationSpec> T>
void Describe(Fields& fields, T& normalization) {
  fields.Field("epsilon", normalization.epsilon);
  fields.Field("freeze_after_rows", normalization.freeze_after_rows);
  fields.Field("half_life_rows", normalization.half_life_rows);
}

template <typename Fields, Of<CategoricalInputSpec> T>
void Describe(Fields& fields, T& input) {
  fields.Field("name", input.name);
  fields.Field("buckets", input.buckets);
  fields.Field("dimension", input.dimension);
  fields.Field("hashing", input.hashing);
  fields.Field("combiner", input.combiner);
  fields.Field("initializer", input.initializer);
}

template <typename Fields, Of<HuberLoss> T>
void Describe(Fields& fields, T& loss) {
  fields.Field("delta", loss.delta);
}

template <typename Fields, Of<SoftmaxCrossEntropyLoss> T>
void Describe(Fields& fields, T& loss) {
  fields.Field("label_smoothing", loss.label_smoothing);
}

template <typename Fields, Of<QuantileLoss> T>
void Describe(Fields& fields, T& loss) {
  fields.Field("delta", loss.delta);
}

template <typename Fields, Of<NetworkSpec> T>
void Describe(Fields& fields, T& network) {
  fields.Field("input_features", network.input_features);
  fields.Field("layers", network.layers);
  fields.Field("loss", network.loss);
  fields.Field("data_type", network.data_type);
  fields.Field("seed", network.seed);
  fields.Field("input_normalization", network.input_normalization);
  fields.Field("categorical_inputs", network.categorical_inputs);
}

template <typename Fields, Of<SgdOptions> T>
void Describe(Fields& fields, T& options) {
  fields.Field("momentum", options.momentum);
  fields.Field("nesterov", options.nesterov);
  fields.Field("weight_decay", options.weight_decay);
}

template <typename Fields, Of<AdamOptions> T>
void Describe(Fields& fields, T& options) {
  fields.Field("beta1", options.beta1);
  fields.Field("beta2", options.beta2);
  fields.Field("epsilon", options.epsilon);
  fields.Field("weight_decay", options.weight_decay);
  fields.Field("amsgrad", options.amsgrad);
}

template <typename Fields, Of<AdamWOptions> T>
void Describe(Fields& fields, T& options) {
  fields.Field("beta1", options.beta1);
  fields.Field("beta2", options.beta2);
  fields.Field("epsilon", options.epsilon);
  fields.Field("weight_decay", options.weight_decay);
  fields.Field("amsgrad", options.amsgrad);
}

template <typename Fields, Of<RmsPropOptions> T>
void Describe(Fields& fields, T& options) {
  fields.Field("alpha", options.alpha);
  fields.Field("epsilon", options.epsilon);
  fields.Field("momentum", options.momentum);
  fields.Field("centered", options.centered);
  fields.Field("weight_decay", options.weight_decay);
}

template <typename Fields, Of<AdagradOptions> T>
void Describe(Fields& fields, T& options) {
  fields.Field("epsilon", options.epsilon);
  fields.Field("initial_accumulator_value", options.initial_accumulator_value);
  fields.Field("lr_decay", options.lr_decay);
  fields.Field("weight_decay", options.weight_decay);
}

template <typename Fields, Of<AdadeltaOptions> T>
void Describe(Fields& fields, T& options) {
  fields.Field("rho", options.rho);
  fields.Field("epsilon", options.epsilon);
  fields.Field("weight_decay", options.weight_decay);
}

template <typename Fields, Of<NadamOptions> T>
void Describe(Fields& fields, T& options) {
  fields.Field("beta1", options.beta1);
  fields.Field("beta2", options.beta2);
  fields.Field("epsilon", options.epsilon);
  fields.Field("momentum_decay", options.momentum_decay);
  fields.Field("weight_decay", options.weight_decay);
}

template <typename Fields, Of<LionOptions> T>
void Describe(Fields& fields, T& options) {
  fields.Field("beta1", options.beta1);
  fields.Field("beta2", options.beta2);
  fields.Field("weight_decay", options.weight_decay);
}

template <typename Fields, Of<FtrlOptions> T>
void Describe(Fields& fields, T& options) {
  fields.Field("beta", options.beta);
  fields.Field("l1", options.l1);
  fields.Field("l2", options.l2);
}

template <typename Fields, Of<StepSchedule> T>
void Describe(Fields& fields, T& decay) {
  fields.Field("step_size", decay.step_size);
  fields.Field("gamma", decay.gamma);
}

template <typename Fields, Of<ExponentialSchedule> T>
void Describe(Fields& fields, T& decay) {
  fields.Field("gamma", decay.gamma);
}

template <typename Fields, Of<CosineSchedule> T>
void Describe(Fields& fields, T& decay) {
  fields.Field("period", decay.period);
  fields.Field("period_multiplier", decay.period_multiplier);
  fields.Field("minimum_learning_rate", decay.minimum_learning_rate);
}

template <typename Fields, Of<InverseTimeSchedule> T>
void Describe(Fields& fields, T& decay) {
  fields.Field("decay_steps", decay.decay_steps);
  fields.Field("decay_rate", decay.decay_rate);
}

template <typename Fields, Of<ScheduleSpec> T>
void Describe(Fields& fields, T& schedule) {
  fields.Alternative(schedule.decay);
  fields.Field("warmup_steps", schedule.warmup_steps);
}

template <typename Fields, Of<OptimizerSpec> T>
void Describe(Fields& fields, T& optimizer) {
  fields.Field("learning_rate", optimizer.learning_rate);
  fields.Alternative(optimizer.algorithm);
  fields.Field("schedule", optimizer.schedule);
  fields.Field("clip_norm", optimizer.clip_norm);
  fields.Field("clip_value", optimizer.clip_value);
  fields.Field("exclude_bias_from_weight_decay", optimizer.exclude_bias_from_weight_decay);
}

}  // namespace descent

#endif  // CORE_SPEC_FIELDS_H_
