#include "server/store/format/settings_json.h"

#include "absl/strings/str_cat.h"
#include "core/spec.h"
#include "server/store/errors.h"
#include "server/store/format/json_fields.h"

namespace descent::store {

template <typename Fields, Of<ActivationSpec> T>
void Describe(Fields& fields, T& activation) {
  fields.Field("kind", activation.kind);
  fields.Field("alpha", activation.alpha);
}

template <typename Fields, Of<InitializerSpec> T>
void Describe(Fields& fields, T& initializer) {
  fields.Field("kind", initializer.kind);
  fields.Field("scale", initializer.scale);
}

// A layer, whose kind is the name of its one field.
template <typename Fields, Of<DenseSpec> T>
void Describe(Fields& fields, T& layer) {
  fields.Object("dense", [&](auto& dense) {
    dense.Field("units", layer.units);
    dense.Field("activation", layer.activation);
    dense.Field("omit_bias", layer.omit_bias);
    dense.Field("kernel_initializer", layer.kernel_initializer);
    dense.Field("bias_initializer", layer.bias_initializer);
  });
}

template <typename Fields, Of<LossSpec> T>
void Describe(Fields& fields, T& loss) {
  fields.Field("kind", loss.kind);
  fields.Field("delta", loss.delta);
  fields.Field("label_smoothing", loss.label_smoothing);
}

template <typename Fields, Of<NetworkSpec> T>
void Describe(Fields& fields, T& network) {
  fields.Field("input_features", network.input_features);
  fields.Field("layers", network.layers);
  fields.Field("loss", network.loss);
  fields.Field("data_type", network.data_type);
  fields.Field("seed", network.seed);
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

template <typename Fields, Of<ConstantSchedule> T>
void Describe(Fields& /*fields*/, T& /*decay*/) {}

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

template <typename Fields, Of<ModelSettings> T>
void Describe(Fields& fields, T& settings) {
  fields.Field("name", settings.name);
  fields.Field("network", settings.network);
  fields.Field("optimizer", settings.optimizer);
  fields.Field("durability", settings.durability);
  fields.Field("labels", settings.labels);
  fields.Field("client_data", settings.client_data);
}

std::string SettingsToJson(const ModelSettings& settings) {
  Json json;
  JsonWriter fields(&json);
  Describe(fields, settings);
  // Every text in it is UTF-8, so there is nothing to replace; nothing is thrown in any case.
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

absl::StatusOr<ModelSettings> SettingsFromJson(std::string_view json) {
  const Json parsed = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) return StoredStateDamaged("settings: not JSON");
  ModelSettings settings;
  const std::string problem = JsonReader::Read(parsed, &settings);
  if (!problem.empty()) return StoredStateDamaged(absl::StrCat("settings: ", problem));
  return settings;
}

}  // namespace descent::store
