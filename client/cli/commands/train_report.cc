#include "client/cli/commands/train_report.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "client/cli/display/output.h"
#include "client/cli/encoding/embedding.h"
#include "client/cli/encoding/model_data.h"
#include "client/cli/format.h"
#include "client/cli/specs.h"

namespace descent::cli {
namespace {

std::string TargetText(const Encoding& encoding) {
  const std::string name =
      absl::StrCat(encoding.named ? "" : "column ", Shortened(encoding.target.name));
  const std::vector<std::string>* classes = encoding.target.classes();
  if (classes == nullptr) return absl::StrCat(name, ", a number");
  const std::string positive = PositiveClass(encoding.target);
  return absl::StrCat(
      name, ", one of ", SomeOf(*classes),
      positive.empty() ? "" : absl::StrCat(" (positive: ", Shortened(positive), ")"));
}

}  // namespace

void Announce(const Task& task) {
  Note(absl::StrCat(task.model.name(), ": ", task.is_new ? "new model " : "going on with ",
                    ShapeOf(task.model.network()), ", ", NameOf(task.model.network().loss().kind()),
                    ", ", NameOf(task.model.optimizer()), " ",
                    absl::StrFormat("%g", task.model.optimizer().learning_rate()),
                    task.is_new ? "" : absl::StrCat(", at step ", FormatCount(task.model.step()))));
  Note(absl::StrCat("target ", TargetText(task.data.encoding), "; ",
                    FormatCount(task.data.training_rows.size()), " rows to learn from, ",
                    FormatCount(task.data.test_rows.size()), " to test"));
  const v1::NetworkSpec& network = task.model.network();
  if (!task.is_new && network.categorical_inputs_size() > 0) {
    Note(absl::StrCat("embedded columns (rows of the table x numbers of a vector): ",
                      TablesText(network)));
  }
  for (const std::string& note : task.data.notes) NoteAny(note);
  NoteAny(task.data.unknown.Text());
}

void PrintEpochJson(const EpochResult& epoch) {
  nlohmann::ordered_json json = {
      {"epoch", epoch.epoch}, {"step", epoch.step}, {"training_loss", epoch.training_loss}};
  if (epoch.test_loss.has_value()) json["test_loss"] = *epoch.test_loss;
  for (const auto& [name, value] : epoch.test_metrics) json[name] = value;
  PrintJson(json);
  std::fflush(stdout);  // whoever reads along wants it now
}

void PrintResultJson(const Task& task, const RunResult& result) {
  nlohmann::ordered_json json = {
      {"model", task.model.name()},
      {"step", result.step},
      {"epochs", result.epochs.size()},
      {"rows", result.rows},
      {"seconds", absl::ToDoubleSeconds(result.training_time)},
      {"interrupted", result.interrupted},
      {"training_rows", task.data.training_rows.size()},
      {"test_rows", task.data.test_rows.size()},
  };
  if (!result.epochs.empty()) {
    const EpochResult& last = result.epochs.back();
    json["training_loss"] = last.training_loss;
    if (last.test_loss.has_value()) json["test_loss"] = *last.test_loss;
    for (const auto& [name, value] : last.test_metrics) json[name] = value;
  }
  const std::string positive = PositiveClass(task.data.encoding.target);
  if (!positive.empty()) json["positive"] = positive;
  PrintJson(json);
}

void PrintResult(const Task& task, const RunResult& result) {
  if (result.interrupted && result.epochs.empty()) {
    Print("stopped before the first epoch\n");
  } else if (result.interrupted) {
    Print(absl::StrCat("stopped in epoch ", result.epochs.size(), " after ",
                       FormatCount(result.rows_in_last_epoch), " of its ",
                       FormatCount(task.data.training_rows.size()), " rows\n"));
  }
  const double seconds = absl::ToDoubleSeconds(result.training_time);
  Print(absl::StrFormat("%s is at step %s: %s rows in %.1f s (%s rows/s)\n", task.model.name(),
                        FormatCount(result.step), FormatCount(result.rows), seconds,
                        FormatCount(static_cast<int64_t>(
                            seconds > 0 ? static_cast<double>(result.rows) / seconds : 0))));
  if (result.epochs.empty()) return;
  const EpochResult& last = result.epochs.back();
  Print(absl::StrCat("training loss ", FormatNumber(last.training_loss), "\n"));
  if (last.test_loss.has_value()) {
    Print(absl::StrCat("test ", MetricsText(last.test_metrics, task.data.encoding.target),
                       "  loss ", FormatNumber(*last.test_loss), "\n"));
  }
}

LossCurve CurveOf(const Task& task, int64_t batch_rows, const RunResult& result) {
  LossCurve curve;
  curve.title = absl::StrCat(task.model.name(), ": ", ShapeOf(task.model.network()));
  curve.subtitle =
      absl::StrCat(NameOf(task.model.optimizer()), " ",
                   absl::StrFormat("%g", task.model.optimizer().learning_rate()), ", batches of ",
                   batch_rows, ", ", FormatCount(task.data.training_rows.size()), " rows");
  curve.loss_name = absl::StrReplaceAll(NameOf(task.data.loss.kind()), {{"_", " "}});
  if (!result.epochs.empty() && !result.epochs.back().test_metrics.empty()) {
    absl::StrAppend(&curve.subtitle, " · test ",
                    MetricsText(result.epochs.back().test_metrics, task.data.encoding.target));
    const bool classes = task.data.encoding.target.classes() != nullptr;
    curve.metric_name = classes ? "accuracy" : "rmse";
    curve.metric_series = absl::StrCat("test ", curve.metric_name);
  }
  for (const EpochResult& epoch : result.epochs) {
    curve.training_loss.push_back(epoch.training_loss);
    if (epoch.test_loss.has_value()) curve.test_loss.push_back(*epoch.test_loss);
    const auto metric = epoch.test_metrics.find(curve.metric_name);
    if (metric != epoch.test_metrics.end()) curve.metric.push_back(metric->second);
  }
  return curve;
}

}  // namespace descent::cli
