#include "server/pages/model_page.h"

#include <cmath>
#include <cstddef>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/batch_measures.h"
#include "core/text_view.h"
#include "server/pages/curve.h"
#include "server/pages/html.h"
#include "server/pages/layout.h"
#include "server/pages/numbers.h"
#include "server/pages/words.h"

namespace descent::pages {
namespace {

using models::HistoryPoint;
using models::ModelStatistics;

constexpr std::size_t kLongLabel = 120;  // bytes

// A fact that takes a line for itself.
std::string WideFact(std::string_view name, const std::string& text) {
  return absl::StrCat("<div class=\"wide\"><dt>", Escape(name), "</dt><dd>", Isolated(text),
                      "</dd></div>");
}

std::string DurabilityText(models::Durability durability) {
  switch (durability) {
    case models::Durability::kJournal:
      return "every acknowledged update";
    case models::Durability::kCheckpoint:
      return "what the last checkpoint holds";
    case models::Durability::kMemory:
      return "nothing";
  }
  return "";
}

std::string Progress(const ModelDetails& model) {
  const ModelStatistics& now = model.row.statistics;
  const auto count = [](std::uint64_t number) { return Count(static_cast<std::int64_t>(number)); };
  std::string html = absl::StrCat(
      "<dl class=\"facts\">", Fact("state", ConditionMark(now.condition)),
      Fact("step",
           absl::StrCat(Count(now.step), now.durable_step < now.step
                                             ? absl::StrCat(" <small>kept up to ",
                                                            Count(now.durable_step), "</small>")
                                             : "")),
      Fact("rows trained", Count(model.row.rows)),
      Fact("rate", model.row.steps_per_second > 0
                       ? absl::StrCat(ShortCount(model.row.steps_per_second), " steps/s, ",
                                      ShortCount(model.row.rows_per_second), " rows/s")
                       : "–"),
      Fact("last loss", now.step > 0 ? Real(now.last_loss) : "–"),
      Fact("training sessions", Count(now.attached_sessions)),
      Fact("updates waiting",
           absl::StrCat(Count(now.held_updates), " <small>",
                        Bytes(static_cast<std::int64_t>(now.held_update_bytes)), "</small>")),
      Fact("reads waiting", Count(now.held_reads)),
      Fact("rows predicted since the start", count(now.predicted_rows)),
      Fact("memory", Bytes(static_cast<std::int64_t>(now.memory_bytes))),
      Fact("last change", absl::StrCat(Span(model.now - now.update_time), " ago")));
  if (now.is_stored) {
    absl::StrAppend(&html, Fact("journal since the checkpoint",
                                absl::StrCat(Count(now.journal_updates), " updates, ",
                                             Bytes(now.journal_bytes))));
  }
  return html + "</dl>";
}

// Long ones, such as what `descent` notes of a table, are shown when somebody asks for them.
std::string Labels(const std::map<std::string, std::string>& labels) {
  if (labels.empty()) return "";
  std::string html = "<h2>Labels</h2><section class=\"card\"><dl class=\"facts\">";
  for (const auto& [name, value] : labels) {
    const bool is_long = value.size() > kLongLabel;
    absl::StrAppend(&html, "<div class=\"wide\">", is_long ? "<details><summary>" : "<dt>",
                    Isolated(name), is_long ? "</summary><pre>" : "</dt><dd>", Isolated(value),
                    is_long ? "</pre></details>" : "</dd>", "</div>");
  }
  return html + "</dl></section>";
}

std::string WhatItIs(const models::ModelInfo& info) {
  const store::ModelSettings& settings = info.settings;
  std::string html =
      absl::StrCat("<h2>What it is</h2><section class=\"card\"><dl class=\"facts\">",
                   WideFact("network", NetworkInWords(settings.network)),
                   WideFact("optimizer", OptimizerInWords(settings.optimizer)),
                   Fact("loss", Escape(LossInWords(settings.network.loss))),
                   Fact("parameters", Count(info.parameter_count)),
                   Fact("computes in", std::string(DataTypeName(settings.network.data_type))),
                   Fact("kept over a crash", DurabilityText(settings.durability)),
                   Fact("made", Moment(info.create_time)));
  return html + "</dl></section>" + Labels(settings.labels);
}

template <typename Value>
std::string HistoryChart(const std::vector<HistoryPoint>& history, const Axes& axes, Value value) {
  std::vector<CurvePoint> points;
  points.reserve(history.size());
  for (const HistoryPoint& point : history) {
    points.push_back({static_cast<double>(point.step), value(point)});
  }
  return Chart(points, axes);
}

// What the loss comes to in people's terms, of each batch before it was learned.
std::string MetricChart(const std::vector<HistoryPoint>& history, const LossSpec& loss) {
  std::vector<HistoryPoint> measured = history;
  std::erase_if(measured, [](const HistoryPoint& point) { return point.measured_rows == 0; });
  const bool has_accuracy = NamedMeasures(loss, {}).contains("accuracy");
  return HistoryChart(
      measured, {.title = has_accuracy ? "Accuracy" : "RMSE", .y_unit = "", .x_title = "step"},
      [&](const HistoryPoint& point) {
        return has_accuracy ? point.measures[0] : std::sqrt(point.measures[0]);
      });
}

std::string Charts(const std::vector<HistoryPoint>& history, const LossSpec& loss) {
  const std::string charts = absl::StrCat(
      HistoryChart(history, {.title = "Loss", .y_unit = "", .x_title = "step"},
                   [](const HistoryPoint& point) { return point.loss; }),
      MetricChart(history, loss),
      HistoryChart(history, {.title = "Gradient norm", .y_unit = "", .x_title = "step"},
                   [](const HistoryPoint& point) { return point.gradient_norm; }),
      HistoryChart(history, {.title = "Learning rate", .y_unit = "", .x_title = "step"},
                   [](const HistoryPoint& point) { return point.learning_rate; }));
  return charts.empty() ? "<p>Curves are drawn from the second update on.</p>"
                        : absl::StrCat("<div class=\"charts\">", charts, "</div>");
}

std::string Checkpoints(const ModelDetails& model) {
  if (!model.checkpoints.has_value()) {
    return "<p class=\"soft\">The model is too busy to tell its checkpoints now.</p>";
  }
  if (model.checkpoints->empty()) return "<p>There are none.</p>";
  std::string html =
      "<table class=\"cards\"><thead><tr><th>step</th><th>age</th><th>size</th><th>made</th>"
      "<th>state hash</th></tr></thead><tbody>";
  for (const models::CheckpointInfo& checkpoint : *model.checkpoints) {
    const std::pair<const char*, std::string> cells[] = {
        {"step", Count(checkpoint.step)},
        {"age", Span(model.now - checkpoint.create_time)},
        {"size", Bytes(checkpoint.size_bytes)},
        {"made", Moment(checkpoint.create_time)},
        {"state hash", absl::StrFormat("%016x", checkpoint.state_hash)}};
    html += "<tr>";
    for (const auto& [label, text] : cells) {
      absl::StrAppend(&html, "<td data-label=\"", label, "\">", text, "</td>");
    }
    html += "</tr>";
  }
  html += "</tbody></table>";
  if (model.more_checkpoints) html += "<p class=\"soft\">There are older ones.</p>";
  return html;
}

}  // namespace

http::Answer ModelPage(const ModelDetails& model) {
  const std::string name = model.row.statistics.name;
  std::string html = absl::StrCat("<p><a class=\"back\" href=\"/\">‹ all models</a></p><h1>",
                                  Escape(name), "</h1><section class=\"live\" id=\"now\">");
  if (!model.info.has_value()) {
    absl::StrAppend(&html, "<div class=\"card\"><p>", ConditionMark(model.row.statistics.condition),
                    "</p><p>",
                    Isolated({model.status.message().data(), model.status.message().size()}),
                    "</p></div></section>");
    return Page(name + " – descentd", html);
  }
  absl::StrAppend(&html, "<div class=\"card\">", Progress(model), "</div>",
                  Charts(model.history, model.info->settings.network.loss), "<h2>Checkpoints</h2>",
                  Checkpoints(model), "</section>", WhatItIs(*model.info));
  return Page(name + " – descentd", html);
}

}  // namespace descent::pages
