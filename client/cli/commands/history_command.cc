// history: how a model's training went.

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/finite.h"
#include "client/cli/commands/tensorboard_log.h"
#include "client/cli/display/loss_curve.h"
#include "client/cli/display/output.h"
#include "client/cli/format.h"
#include "client/cli/specs.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

using google::protobuf::util::TimeUtil;

struct HistoryOptions {
  std::string name;
  int64_t after_step = 0;
  std::string plot;
  std::string tensorboard;
};

// Of updates from gradients that were computed elsewhere there is no loss.
bool HasLoss(const v1::HistoryPoint& point) { return point.rows() > 0; }

LossCurve CurveOf(const v1::Model& model, const std::vector<v1::HistoryPoint>& points) {
  LossCurve curve;
  curve.title = absl::StrCat(model.name(), ": ", ShapeOf(model.network()));
  int64_t rows = 0;
  for (const v1::HistoryPoint& point : points) {
    rows += point.rows();
    curve.at.push_back(point.step());
    curve.training_loss.push_back(HasLoss(point) ? point.loss() : NAN);
  }
  curve.subtitle = absl::StrFormat("%s %g, %s rows, to step %s", NameOf(model.optimizer()),
                                   model.optimizer().learning_rate(), FormatCount(rows),
                                   FormatCount(points.back().step()));
  curve.loss_name = absl::StrReplaceAll(NameOf(model.network().loss().kind()), {{"_", " "}});
  curve.unit = "step";
  const auto rate_differs = [&](const v1::HistoryPoint& point) {
    return point.learning_rate() != points.front().learning_rate();
  };
  if (std::any_of(points.begin(), points.end(), rate_differs)) {
    curve.metric_name = "learning rate";
    curve.metric_series = curve.metric_name;
    for (const v1::HistoryPoint& point : points) curve.metric.push_back(point.learning_rate());
  }
  return curve;
}

absl::Status NothingToShow(const HistoryOptions& options, absl::string_view option) {
  return UsageError(absl::StrCat(option, ": ", options.name, " was not trained",
                                 options.after_step > 0 ? " after that step" : " yet",
                                 ", so there is nothing to draw"));
}

absl::Status Plot(const HistoryOptions& options, const Context& context,
                  const std::vector<v1::HistoryPoint>& points) {
  if (points.empty()) return NothingToShow(options, "--plot");
  ASSIGN_OR_RETURN(const v1::Model model, context.client.GetModel(options.name));
  RETURN_IF_ERROR(CheckFinite(model));
  return WriteLossCurve(CurveOf(model, points), options.plot);
}

// By name, of those that any point has.
std::set<std::string> MetricsOf(const std::vector<v1::HistoryPoint>& points) {
  std::set<std::string> names;
  for (const v1::HistoryPoint& point : points) {
    for (const auto& [name, value] : point.metrics()) names.insert(name);
  }
  return names;
}

void PrintPoints(const std::vector<v1::HistoryPoint>& points) {
  std::vector<std::vector<std::string>> rows = {
      {"STEP", "TIME", "ROWS", "LOSS", "GRADIENT NORM", "LEARNING RATE"}};
  std::vector<bool> to_the_right = {true, false, true, true, true, true};
  const std::set<std::string> metrics = MetricsOf(points);
  for (const std::string& metric : metrics) {
    rows.front().push_back(absl::AsciiStrToUpper(absl::StrReplaceAll(metric, {{"_", " "}})));
    to_the_right.push_back(true);
  }
  for (const v1::HistoryPoint& point : points) {
    rows.push_back({absl::StrCat(point.step()),
                    TimeUtil::ToString(TimeUtil::SecondsToTimestamp(point.time().seconds())),
                    FormatCount(point.rows()), HasLoss(point) ? FormatNumber(point.loss()) : "-",
                    FormatNumber(point.gradient_norm()),
                    absl::StrFormat("%.4g", point.learning_rate())});
    for (const std::string& metric : metrics) {
      const auto found = point.metrics().find(metric);
      rows.back().push_back(found != point.metrics().end() ? FormatNumber(found->second) : "-");
    }
  }
  PrintTable(rows, to_the_right);
}

absl::StatusOr<ExitCode> History(const HistoryOptions& options, const Context& context) {
  ASSIGN_OR_RETURN(const std::vector<v1::HistoryPoint> points,
                   context.client.ListAllHistory(options.name, options.after_step));
  for (const v1::HistoryPoint& point : points) RETURN_IF_ERROR(CheckFinite(point));
  if (!options.plot.empty()) RETURN_IF_ERROR(Plot(options, context, points));
  if (!options.tensorboard.empty()) {
    if (points.empty()) return NothingToShow(options, "--tensorboard");
    RETURN_IF_ERROR(WriteHistory(points, options.tensorboard));
  }
  if (context.json) {
    for (const v1::HistoryPoint& point : points) PrintJson(point);
  } else if (options.plot.empty() && options.tensorboard.empty()) {
    PrintPoints(points);
  } else {
    if (!options.plot.empty()) Print(absl::StrCat("loss curve in ", options.plot, "\n"));
    if (!options.tensorboard.empty()) {
      Print(absl::StrCat(FormatCount(static_cast<int64_t>(points.size())), " points in ",
                         options.tensorboard, "\n"));
    }
  }
  return ExitCode::kOk;
}

}  // namespace

void AddHistoryCommand(CLI::App* app, Command* chosen) {
  CLI::App* command = app->add_subcommand(
      "history",
      "Show how a model's training went: loss, metrics and learning rate over its steps");
  auto options = std::make_shared<HistoryOptions>();
  command->add_option("NAME", options->name, "The model's name")->option_text(" ")->required();
  command->add_option("--after", options->after_step, "Only what came after this step (default 0)")
      ->option_text("STEP")
      ->check(CLI::NonNegativeNumber);
  command
      ->add_option("--plot", options->plot,
                   "Draws the loss over the steps into this SVG file, instead of the table")
      ->option_text("FILE");
  command
      ->add_option("--tensorboard", options->tensorboard,
                   "Writes them into a new file in this directory, with their times, for "
                   "TensorBoard to show, instead of the table")
      ->option_text("DIR");
  command->callback([options, chosen] {
    *chosen = [options](const Context& context) { return History(*options, context); };
  });
}

}  // namespace descent::cli
