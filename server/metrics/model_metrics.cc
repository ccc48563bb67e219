#include "server/metrics/model_metrics.h"

#include <string_view>
#include <utility>

#include "absl/time/time.h"

namespace descent::metrics {
namespace {

using models::ModelStatistics;

// One family, and what it tells of a model.
struct Row {
  prometheus::MetricFamily (*make)(std::string_view name, std::string_view help);
  std::string_view name;
  std::string_view help;
  double (*value)(const ModelStatistics& model);
  // Whether it says something of this one.
  bool (*applies)(const ModelStatistics& model) = [](const ModelStatistics&) { return true; };
};

template <auto member>
double Value(const ModelStatistics& model) {
  return static_cast<double>(model.*member);
}

template <auto member>
double Seconds(const ModelStatistics& model) {
  return absl::ToDoubleSeconds(model.*member - absl::UnixEpoch());
}

bool IsStored(const ModelStatistics& model) { return model.is_stored; }

bool HasCheckpoint(const ModelStatistics& model) {
  return model.is_stored && model.checkpoint_time != absl::UnixEpoch();
}

using M = ModelStatistics;

constexpr Row kRows[] = {
    {Gauge, "descent_model_step", "Updates that are in the model's parameters as readers see them.",
     Value<&M::step>},
    {Gauge, "descent_model_durable_step", "The last step that a crash can no longer take back.",
     Value<&M::durable_step>},
    {Gauge, "descent_model_loss", "Loss of the last batch that was trained, before its update.",
     Value<&M::last_loss>},
    {Gauge, "descent_model_gradient_norm",
     "2-norm of the last update's gradient over all parameters, before clipping.",
     Value<&M::gradient_norm>},
    {Gauge, "descent_model_last_update_timestamp_seconds",
     "When the model's last update came, in seconds since 1970.", Seconds<&M::update_time>},
    {Gauge, "descent_model_parameters", "Numbers that the model learns.",
     Value<&M::parameter_count>},
    {Counter, "descent_model_updates_total",
     "Batches and gradients applied since the model was made or recovered.", Value<&M::updates>},
    {Counter, "descent_model_trained_rows_total", "Rows of those batches.",
     Value<&M::trained_rows>},
    {Gauge, "descent_model_held_updates",
     "Updates and checkpoints that wait, run, or are not durable yet.", Value<&M::held_updates>},
    {Gauge, "descent_model_held_update_bytes", "What the tensors of those take.",
     Value<&M::held_update_bytes>},
    {Gauge, "descent_model_held_reads", "Predictions and other reads that wait or run.",
     Value<&M::held_reads>},
    {Gauge, "descent_model_training_sessions", "Training streams that are attached.",
     Value<&M::attached_sessions>},
    {Gauge, "descent_model_memory_bytes",
     "Memory counted for the model: parameters, optimizer state, history and workspace.",
     Value<&M::memory_bytes>},
    {Counter, "descent_model_predictions_total", "Predict calls answered.", Value<&M::predictions>},
    {Counter, "descent_model_predicted_rows_total", "Rows of those calls.",
     Value<&M::predicted_rows>},
    {Counter, "descent_model_merged_passes_total",
     "Passes that computed the predictions of several calls as one.", Value<&M::merged_passes>},
    {Counter, "descent_model_merged_rows_total", "Rows of those passes.", Value<&M::merged_rows>},
    {Gauge, "descent_model_journal_updates",
     "Updates since the newest checkpoint, which a recovery would apply again.",
     Value<&M::journal_updates>, IsStored},
    {Gauge, "descent_model_journal_bytes", "Bytes of those in the journal.",
     Value<&M::journal_bytes>, IsStored},
    {Gauge, "descent_model_checkpoint_step", "Step of the newest checkpoint.",
     Value<&M::checkpoint_step>, HasCheckpoint},
    {Gauge, "descent_model_checkpoint_timestamp_seconds",
     "When the newest checkpoint was taken, in seconds since 1970.", Seconds<&M::checkpoint_time>,
     HasCheckpoint},
};

prometheus::MetricFamily ConditionsOf(const models::RegistryStatistics& statistics) {
  prometheus::MetricFamily models = Gauge("descent_models", "Models, by the state they are in.");
  for (std::size_t i = 0; i < models::kModelConditions; ++i) {
    AddSeries(static_cast<double>(statistics.by_condition[i]),
              {{"state", ModelConditionName(static_cast<models::ModelCondition>(i))}}, &models);
  }
  return models;
}

prometheus::MetricFamily StatesOf(const models::RegistryStatistics& statistics) {
  prometheus::MetricFamily states =
      Gauge("descent_model_state", "1 for the state that the model is in; others have no series.");
  for (const ModelStatistics& model : statistics.models) {
    AddSeries(1, {{"model", model.name}, {"state", ModelConditionName(model.condition)}}, &states);
  }
  return states;
}

}  // namespace

Families ModelFamilies(const models::RegistryStatistics& statistics) {
  Families families;
  families.push_back(ConditionsOf(statistics));
  families.push_back(Gauge("descent_models_without_series",
                           "Models that have no series of their own, by --metrics-models.",
                           static_cast<double>(statistics.left_out)));
  families.push_back(StatesOf(statistics));
  for (const Row& row : kRows) {
    prometheus::MetricFamily family = row.make(row.name, row.help);
    for (const ModelStatistics& model : statistics.models) {
      if (!model.is_there || !row.applies(model)) continue;
      AddSeries(row.value(model), {{"model", model.name}}, &family);
    }
    families.push_back(std::move(family));
  }
  return families;
}

}  // namespace descent::metrics
