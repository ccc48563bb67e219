#include "server/pages/curve.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/pages/html.h"
#include "server/pages/numbers.h"

namespace descent::pages {
namespace {

constexpr std::size_t kMostSparklinePoints = 60;
constexpr double kWidth = 1000;  // of a chart, in units that are stretched to what there is
constexpr double kHeight = 300;
// What is more is shown as that, so that distances are finite.
constexpr double kMostShown = 1e300;
// Of values that are nearer to each other, all are the same.
constexpr double kLeastShown = 1e-300;

struct Range {
  double least = 0;
  double most = 0;
  double width() const { return most - least; }
};

std::vector<CurvePoint> FiniteOf(const std::vector<CurvePoint>& points) {
  std::vector<CurvePoint> finite;
  finite.reserve(points.size());
  for (const CurvePoint& point : points) {
    if (!std::isfinite(point.x) || !std::isfinite(point.y)) continue;
    finite.push_back({std::clamp(point.x, -kMostShown, kMostShown),
                      std::clamp(point.y, -kMostShown, kMostShown)});
  }
  return finite;
}

// At most `most` points, each the mean of those that it stands for.
std::vector<CurvePoint> Thinned(const std::vector<CurvePoint>& points, std::size_t most) {
  if (points.size() <= most) return points;
  std::vector<CurvePoint> thinned;
  thinned.reserve(most);
  for (std::size_t i = 0; i < most; ++i) {
    const std::size_t begin = i * points.size() / most;
    const std::size_t end = (i + 1) * points.size() / most;
    CurvePoint mean;
    for (std::size_t j = begin; j < end; ++j) {
      mean.x += points[j].x / static_cast<double>(end - begin);
      mean.y += points[j].y / static_cast<double>(end - begin);
    }
    thinned.push_back(mean);
  }
  return thinned;
}

template <typename Coordinate>
Range RangeOf(const std::vector<CurvePoint>& points, Coordinate coordinate) {
  Range range{coordinate(points.front()), coordinate(points.front())};
  for (const CurvePoint& point : points) {
    range.least = std::min(range.least, coordinate(point));
    range.most = std::max(range.most, coordinate(point));
  }
  return range;
}

Range XRange(const std::vector<CurvePoint>& points) {
  return RangeOf(points, [](const CurvePoint& point) { return point.x; });
}
Range YRange(const std::vector<CurvePoint>& points) {
  return RangeOf(points, [](const CurvePoint& point) { return point.y; });
}

// Where in [0, size] a value of the range lies.
double Place(double value, const Range& range, double size) {
  if (!(range.width() > 0) || !std::isfinite(range.width())) return size / 2;
  return std::clamp((value - range.least) / range.width(), 0.0, 1.0) * size;
}

std::string PathOf(const std::vector<CurvePoint>& points, const Range& x, const Range& y,
                   double width, double height) {
  std::string path;
  for (const CurvePoint& point : points) {
    absl::StrAppendFormat(&path, "%s%.1f,%.1f", path.empty() ? "M" : "L", Place(point.x, x, width),
                          height - Place(point.y, y, height));
  }
  return path;
}

// Marks of an axis at equal distances: the first is at its one end, the last at the other.
struct Marks {
  Range range;
  std::vector<double> values;
};

// Round numbers around the range, three to six of them.
Marks RoundMarks(Range range) {
  if (range.width() < kLeastShown) {
    const double size = std::fabs(range.least);
    const double around = size < kLeastShown ? 1 : size / 2;
    range = {range.least - around, range.least + around};
  }
  const double rough = range.width() / 4;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = power * 10;
  for (const double factor : {1.0, 2.0, 2.5, 5.0}) {
    if (factor * power >= rough * 0.999) {
      step = factor * power;
      break;
    }
  }
  const double first = std::floor(range.least / step + 1e-9);
  const double last = std::ceil(range.most / step - 1e-9);
  Marks marks{.range = {first * step, last * step}, .values = {}};
  for (double i = first; i <= last + 0.5 && marks.values.size() < 12; ++i) {
    marks.values.push_back(i * step);
  }
  return marks;
}

// Powers of ten around a range of logarithms, at most seven of them.
Marks DecadeMarks(const Range& logarithms) {
  const double first = std::floor(logarithms.least + 1e-9);
  const double least_last = std::ceil(logarithms.most - 1e-9);
  const double step = std::max(1.0, std::ceil((least_last - first) / 6));
  const double last = first + std::max(1.0, std::ceil((least_last - first) / step)) * step;
  Marks marks{.range = {first, last}, .values = {}};
  for (double i = first; i <= last + 0.5; i += step) marks.values.push_back(std::pow(10, i));
  return marks;
}

std::string MarkTexts(const std::vector<double>& values, std::string (*text)(double)) {
  std::string html;
  for (const double value : values) absl::StrAppend(&html, "<span>", text(value), "</span>");
  return html;
}

std::string Grid(std::size_t marks) {
  std::string path;
  for (std::size_t i = 0; i < marks; ++i) {
    absl::StrAppendFormat(&path, "M0,%.1fH%.0f",
                          kHeight * static_cast<double>(i) / static_cast<double>(marks - 1),
                          kWidth);
  }
  return path;
}

}  // namespace

std::string Sparkline(const std::vector<CurvePoint>& points, std::string_view label) {
  constexpr double kSparkWidth = 120;
  constexpr double kSparkHeight = 28;
  constexpr double kMargin = 2;
  const std::vector<CurvePoint> shown = Thinned(FiniteOf(points), kMostSparklinePoints);
  if (shown.size() < 2) return "";
  return absl::StrCat(
      "<svg class=\"spark\" viewBox=\"0 ", -kMargin, " ", kSparkWidth, " ",
      kSparkHeight + 2 * kMargin, "\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"",
      Escape(label), "\"><path class=\"line\" d=\"",
      PathOf(shown, XRange(shown), YRange(shown), kSparkWidth, kSparkHeight), "\"/></svg>");
}

std::string Chart(const std::vector<CurvePoint>& points, const Axes& axes) {
  std::vector<CurvePoint> shown = FiniteOf(points);
  if (shown.size() < 2) return "";
  const Range values = YRange(shown);
  const bool logarithmic = values.least > 0 && values.most / values.least > 50;
  if (logarithmic) {
    for (CurvePoint& point : shown) point.y = std::log10(point.y);
  }
  Marks y = logarithmic ? DecadeMarks(YRange(shown)) : RoundMarks(values);
  const Range x = XRange(shown);
  const std::vector<double> x_marks = {x.least, x.least + x.width() / 2, x.most};
  std::reverse(y.values.begin(), y.values.end());  // from the top
  return absl::StrCat("<figure class=\"chart\"><figcaption>", Escape(axes.title),
                      axes.y_unit.empty() ? "" : absl::StrCat(" (", Escape(axes.y_unit), ")"),
                      logarithmic ? " <small>logarithmic</small>" : "", "<b>",
                      Real(points.back().y), "</b></figcaption><div class=\"y\">",
                      MarkTexts(y.values, Real), "</div><svg viewBox=\"0 0 ", kWidth, " ", kHeight,
                      "\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"",
                      Escape(axes.title), " from ", Real(points.front().y), " to ",
                      Real(points.back().y), "\"><path class=\"grid\" d=\"", Grid(y.values.size()),
                      "\"/><path class=\"line\" d=\"", PathOf(shown, x, y.range, kWidth, kHeight),
                      "\"/></svg><div class=\"x\">", MarkTexts(x_marks, ShortCount),
                      "</div><div class=\"xt\">", Escape(axes.x_title), "</div></figure>");
}

}  // namespace descent::pages
