#include "client/cli/display/loss_curve.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <fstream>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "client/cli/display/axis.h"
#include "client/cli/failure.h"

namespace descent::cli {
namespace {

// In pixels. The picture is as high as its panels need.
constexpr double kWidth = 840;
constexpr double kLeft = 84;
constexpr double kRight = 28;
constexpr double kTop = 108;
constexpr double kLossHeight = 320;
constexpr double kMetricHeight = 150;
constexpr double kPanelGap = 48;
constexpr double kBottom = 58;
constexpr double kPlotWidth = kWidth - kLeft - kRight;

// Up to this many points each has a mark of its own.
constexpr size_t kMarkedPoints = 40;

// Okabe and Ito's blue, vermilion and green: told apart by the colour-blind, and in print.
constexpr char kTrainingColor[] = "#0072b2";
constexpr char kTestColor[] = "#d55e00";
constexpr char kMetricColor[] = "#009e73";

constexpr char kStyle[] = R"(<style>
text { font-family: Inter, "Segoe UI", "Helvetica Neue", Helvetica, Arial, "DejaVu Sans", sans-serif;
       font-size: 13px; fill: #4b5563; }
.title { font-size: 20px; font-weight: 600; fill: #111827; }
.label { fill: #374151; font-weight: 500; }
.grid { stroke: #e5e7eb; stroke-width: 1; }
.axis { stroke: #9ca3af; stroke-width: 1; }
.line { fill: none; stroke-width: 2.25; stroke-linejoin: round; stroke-linecap: round; }
</style>
)";

struct Series {
  std::string name;
  const char* color;
  const std::vector<double>* values;
};

struct Panel {
  std::string label;
  double top;
  double height;
  std::vector<Series> series;
};

std::string Escape(const std::string& text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
}

void AddText(std::string* svg, double x, double y, absl::string_view attributes,
             const std::string& text) {
  absl::StrAppendFormat(svg, "<text x=\"%.1f\" y=\"%.1f\" %s>%s</text>\n", x, y, attributes,
                        Escape(text));
}

void AddLine(std::string* svg, const char* kind, double x1, double y1, double x2, double y2) {
  absl::StrAppendFormat(svg,
                        "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
                        kind, x1, y1, x2, y2);
}

void AddDot(std::string* svg, double x, double y, const char* color) {
  absl::StrAppendFormat(svg, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\" fill=\"%s\"/>\n", x, y,
                        color);
}

double Bottom(const Panel& panel) { return panel.top + panel.height; }
double X(const Axis& axis, double at) { return kLeft + axis.Position(at) * kPlotWidth; }
double Y(const Axis& axis, const Panel& panel, double value) {
  return Bottom(panel) - axis.Position(value) * panel.height;
}

// The vertical axis: grid lines, tick labels and, turned upright, what it measures.
void AddValueAxis(std::string* svg, const Panel& panel, const Axis& axis) {
  for (const Tick& tick : axis.ticks()) {
    const double y = Y(axis, panel, tick.value);
    AddLine(svg, "grid", kLeft, y, kWidth - kRight, y);
    AddText(svg, kLeft - 10, y + 4.5, "text-anchor=\"end\"", tick.label);
  }
  const double middle = panel.top + panel.height / 2;
  const std::string turned = absl::StrFormat(
      "class=\"label\" text-anchor=\"middle\" transform=\"rotate(-90 22 %.1f)\"", middle);
  AddText(svg, 22, middle, turned,
          absl::StrCat(panel.label, axis.logarithmic() ? " (log scale)" : ""));
}

// The horizontal axis, with ticks and, unless `unit` is empty, their labels and what they count.
void AddCountAxis(std::string* svg, const Panel& panel, const Axis& axis, const std::string& unit) {
  AddLine(svg, "axis", kLeft, Bottom(panel), kWidth - kRight, Bottom(panel));
  for (const Tick& tick : axis.ticks()) {
    const double x = X(axis, tick.value);
    AddLine(svg, "axis", x, Bottom(panel), x, Bottom(panel) + 5);
    if (!unit.empty()) AddText(svg, x, Bottom(panel) + 21, "text-anchor=\"middle\"", tick.label);
  }
  if (!unit.empty()) {
    AddText(svg, kLeft + kPlotWidth / 2, Bottom(panel) + 44,
            "class=\"label\" text-anchor=\"middle\"", unit);
  }
}

void AddSeries(std::string* svg, const Panel& panel, const Series& series,
               const std::vector<int64_t>& at, const Axis& counts, const Axis& values) {
  std::string path;
  std::string marks;
  bool pen_down = false;
  for (size_t i = 0; i < series.values->size(); ++i) {
    const double value = (*series.values)[i];
    if (!std::isfinite(value)) {
      pen_down = false;
      continue;
    }
    const double x = X(counts, static_cast<double>(at[i]));
    const double y = Y(values, panel, value);
    absl::StrAppendFormat(&path, "%s%.1f %.1f", pen_down ? " L" : " M", x, y);
    AddDot(&marks, x, y, series.color);
    pen_down = true;
  }
  absl::StrAppendFormat(svg, "<path class=\"line\" stroke=\"%s\" d=\"%s\"/>\n", series.color, path);
  if (series.values->size() <= kMarkedPoints) svg->append(marks);
}

void AddPanel(std::string* svg, const Panel& panel, const std::vector<int64_t>& at,
              const Axis& counts, const std::string& unit) {
  std::vector<double> all;
  for (const Series& series : panel.series) {
    all.insert(all.end(), series.values->begin(), series.values->end());
  }
  const Axis values = Axis::Fit(all, panel.height > 200 ? 6 : 3);
  AddValueAxis(svg, panel, values);
  AddCountAxis(svg, panel, counts, unit);
  for (const Series& series : panel.series) AddSeries(svg, panel, series, at, counts, values);
}

// A short stroke and a name for each series, in one row.
void AddLegend(std::string* svg, const std::vector<Panel>& panels) {
  constexpr double kY = 84;
  constexpr double kStroke = 22;
  constexpr double kCharacter = 7.2;
  double x = kLeft;
  for (const Panel& panel : panels) {
    for (const Series& series : panel.series) {
      absl::StrAppendFormat(svg, "<path class=\"line\" stroke=\"%s\" d=\"M%.1f %.1f h%.1f\"/>\n",
                            series.color, x, kY - 4.5, kStroke);
      AddText(svg, x + kStroke + 7, kY, "", series.name);
      x += kStroke + 34 + kCharacter * static_cast<double>(series.name.size());
    }
  }
}

// "test loss (lowest 0.201 at epoch 24)".
std::string TestLossName(const std::vector<double>& losses) {
  const auto lowest = std::min_element(losses.begin(), losses.end());
  return absl::StrFormat("test loss (lowest %.4g, epoch %d)", *lowest, lowest - losses.begin() + 1);
}

std::vector<Panel> Panels(const LossCurve& curve) {
  std::vector<Panel> panels;
  Panel loss{curve.loss_name, kTop, kLossHeight, {}};
  loss.series.push_back({"training loss", kTrainingColor, &curve.training_loss});
  if (!curve.test_loss.empty()) {
    loss.series.push_back({TestLossName(curve.test_loss), kTestColor, &curve.test_loss});
  }
  panels.push_back(loss);
  if (!curve.metric.empty()) {
    panels.push_back({curve.metric_name, Bottom(loss) + kPanelGap, kMetricHeight, {}});
    panels.back().series.push_back({curve.metric_series, kMetricColor, &curve.metric});
  }
  return panels;
}

// What each value is at.
std::vector<int64_t> CountsOf(const LossCurve& curve) {
  if (!curve.at.empty()) return curve.at;
  std::vector<int64_t> counts(std::max<size_t>(1, curve.training_loss.size()));
  std::iota(counts.begin(), counts.end(), 1);
  return counts;
}

}  // namespace

std::string RenderLossCurve(const LossCurve& curve) {
  const std::vector<Panel> panels = Panels(curve);
  const double height = Bottom(panels.back()) + kBottom;
  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
      "viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n",
      kWidth, height, kWidth, height);
  absl::StrAppend(&svg, "<title>", Escape(curve.title), "</title>\n", kStyle,
                  "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
  AddText(&svg, kLeft, 36, "class=\"title\"", curve.title);
  AddText(&svg, kLeft, 58, "", curve.subtitle);
  AddLegend(&svg, panels);
  const std::vector<int64_t> at = CountsOf(curve);
  const Axis counts = Axis::Counting(at.front(), at.back(), 12);
  for (const Panel& panel : panels) {
    AddPanel(&svg, panel, at, counts, &panel == &panels.back() ? curve.unit : "");
  }
  svg += "</svg>\n";
  return svg;
}

absl::Status WriteLossCurve(const LossCurve& curve, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  file << RenderLossCurve(curve);
  file.close();
  if (!file) return UsageError(absl::StrCat("--plot: can't write ", path));
  return absl::OkStatus();
}

}  // namespace descent::cli
