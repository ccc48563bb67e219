// The fields of every struct that is stored, as a tuple of references. A struct that gets another
// field does not compile here until it is named: then the suites fill, store and compare it too.

#ifndef TESTS_STORE_FORMAT_FIELDS_H_
#define TESTS_STORE_FORMAT_FIELDS_H_

#include <concepts>
#include <tuple>
#include <type_traits>

#include "server/store/records.h"

namespace descent::store {

template <typename T, typename Struct>
concept FieldsOf = std::same_as<std::remove_const_t<T>, Struct>;

template <FieldsOf<ActivationSpec> T>
auto Fields(T& value) {
  auto& [a, b] = value;
  return std::tie(a, b);
}

template <FieldsOf<InitializerSpec> T>
auto Fields(T& value) {
  auto& [a, b] = value;
  return std::tie(a, b);
}

template <FieldsOf<DenseSpec> T>
auto Fields(T& value) {
  auto& [a, b, c, d, e] = value;
  return std::tie(a, b, c, d, e);
}

template <FieldsOf<DropoutSpec> T>
auto Fields(T& value) {
  auto& [a] = value;
  return std::tie(a);
}

template <FieldsOf<LayerNormSpec> T>
auto Fields(T& value) {
  auto& [a, b] = value;
  return std::tie(a, b);
}

template <FieldsOf<ResidualSpec> T>
auto Fields(T& value) {
  auto& [a] = value;
  return std::tie(a);
}

template <FieldsOf<LayerSpec> T>
auto Fields(T& value) {
  return std::tie(AsVariant(value));
}

template <FieldsOf<InputNormalizationSpec> T>
auto Fields(T& value) {
  auto& [a, b, c] = value;
  return std::tie(a, b, c);
}

template <FieldsOf<LossSpec> T>
auto Fields(T& value) {
  auto& [a, b, c] = value;
  return std::tie(a, b, c);
}

template <FieldsOf<NetworkSpec> T>
auto Fields(T& value) {
  auto& [a, b, c, d, e, f] = value;
  return std::tie(a, b, c, d, e, f);
}

template <FieldsOf<SgdOptions> T>
auto Fields(T& value) {
  auto& [a, b, c] = value;
  return std::tie(a, b, c);
}

template <FieldsOf<AdamOptions> T>
auto Fields(T& value) {
  auto& [a, b, c, d, e] = value;
  return std::tie(a, b, c, d, e);
}

template <FieldsOf<AdamWOptions> T>
auto Fields(T& value) {
  auto& [a, b, c, d, e] = value;
  return std::tie(a, b, c, d, e);
}

template <FieldsOf<RmsPropOptions> T>
auto Fields(T& value) {
  auto& [a, b, c, d, e] = value;
  return std::tie(a, b, c, d, e);
}

template <FieldsOf<AdagradOptions> T>
auto Fields(T& value) {
  auto& [a, b, c, d] = value;
  return std::tie(a, b, c, d);
}

template <FieldsOf<AdadeltaOptions> T>
auto Fields(T& value) {
  auto& [a, b, c] = value;
  return std::tie(a, b, c);
}

template <FieldsOf<NadamOptions> T>
auto Fields(T& value) {
  auto& [a, b, c, d, e] = value;
  return std::tie(a, b, c, d, e);
}

template <FieldsOf<LionOptions> T>
auto Fields(T& value) {
  auto& [a, b, c] = value;
  return std::tie(a, b, c);
}

template <FieldsOf<FtrlOptions> T>
auto Fields(T& value) {
  auto& [a, b, c] = value;
  return std::tie(a, b, c);
}

template <FieldsOf<ConstantSchedule> T>
auto Fields(T& /*value*/) {
  static_assert(std::is_empty_v<T>);
  return std::tuple<>();
}

template <FieldsOf<StepSchedule> T>
auto Fields(T& value) {
  auto& [a, b] = value;
  return std::tie(a, b);
}

template <FieldsOf<ExponentialSchedule> T>
auto Fields(T& value) {
  auto& [a] = value;
  return std::tie(a);
}

template <FieldsOf<CosineSchedule> T>
auto Fields(T& value) {
  auto& [a, b, c] = value;
  return std::tie(a, b, c);
}

template <FieldsOf<InverseTimeSchedule> T>
auto Fields(T& value) {
  auto& [a, b] = value;
  return std::tie(a, b);
}

template <FieldsOf<ScheduleSpec> T>
auto Fields(T& value) {
  auto& [a, b] = value;
  return std::tie(a, b);
}

template <FieldsOf<OptimizerSpec> T>
auto Fields(T& value) {
  auto& [a, b, c, d, e, f] = value;
  return std::tie(a, b, c, d, e, f);
}

template <FieldsOf<ModelSettings> T>
auto Fields(T& value) {
  auto& [a, b, c, d, e, f] = value;
  return std::tie(a, b, c, d, e, f);
}

template <FieldsOf<Batch> T>
auto Fields(T& value) {
  auto& [a, b, c] = value;
  return std::tie(a, b, c);
}

template <FieldsOf<BatchUpdate> T>
auto Fields(T& value) {
  auto& [a, b] = value;
  return std::tie(a, b);
}

template <FieldsOf<GradientsUpdate> T>
auto Fields(T& value) {
  auto& [a, b] = value;
  return std::tie(a, b);
}

template <FieldsOf<ParametersUpdate> T>
auto Fields(T& value) {
  auto& [a, b] = value;
  return std::tie(a, b);
}

template <FieldsOf<SettingsUpdate> T>
auto Fields(T& value) {
  auto& [a] = value;
  return std::tie(a);
}

template <FieldsOf<RestoreUpdate> T>
auto Fields(T& value) {
  auto& [a] = value;
  return std::tie(a);
}

template <FieldsOf<CheckpointDeletion> T>
auto Fields(T& value) {
  auto& [a] = value;
  return std::tie(a);
}

template <FieldsOf<SessionPosition> T>
auto Fields(T& value) {
  auto& [a, b] = value;
  return std::tie(a, b);
}

template <FieldsOf<AnsweredRequest> T>
auto Fields(T& value) {
  auto& [a, b] = value;
  return std::tie(a, b);
}

template <FieldsOf<UpdateResult> T>
auto Fields(T& value) {
  auto& [a, b, c, d] = value;
  return std::tie(a, b, c, d);
}

template <FieldsOf<UpdateRecord> T>
auto Fields(T& value) {
  auto& [a, b, c, d, e, f, g] = value;
  return std::tie(a, b, c, d, e, f, g);
}

template <FieldsOf<SessionRecord> T>
auto Fields(T& value) {
  auto& [a, b, c, d] = value;
  return std::tie(a, b, c, d);
}

template <FieldsOf<UpdateAnswer> T>
auto Fields(T& value) {
  auto& [a] = value;
  return std::tie(a);
}

template <FieldsOf<ModelAnswer> T>
auto Fields(T& value) {
  auto& [a, b, c, d, e, f] = value;
  return std::tie(a, b, c, d, e, f);
}

template <FieldsOf<CheckpointAnswer> T>
auto Fields(T& value) {
  auto& [a] = value;
  return std::tie(a);
}

template <FieldsOf<DeletionAnswer> T>
auto Fields(T& /*value*/) {
  static_assert(std::is_empty_v<T>);
  return std::tuple<>();
}

template <FieldsOf<RememberedAnswer> T>
auto Fields(T& value) {
  auto& [a, b, c, d] = value;
  return std::tie(a, b, c, d);
}

template <FieldsOf<TrainerState> T>
auto Fields(T& value) {
  auto& [a, b, c, d, e] = value;
  return std::tie(a, b, c, d, e);
}

template <FieldsOf<HistoryPoint> T>
auto Fields(T& value) {
  auto& [a, b, c, d, e, f, g] = value;
  return std::tie(a, b, c, d, e, f, g);
}

template <FieldsOf<History> T>
auto Fields(T& value) {
  auto& [a, b] = value;
  return std::tie(a, b);
}

template <FieldsOf<ModelImage> T>
auto Fields(T& value) {
  // The last one is no part of the state.
  auto& [a, b, c, d, e, f, g, memory] = value;
  return std::tie(a, b, c, d, e, f, g);
}

}  // namespace descent::store

#endif  // TESTS_STORE_FORMAT_FIELDS_H_
