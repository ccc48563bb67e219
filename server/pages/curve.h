// Curves as inline SVG.

#ifndef SERVER_PAGES_CURVE_H_
#define SERVER_PAGES_CURVE_H_

#include <string>
#include <string_view>
#include <vector>

namespace descent::pages {

struct CurvePoint {
  double x = 0;
  double y = 0;
};

// As small as a word, without axes. What is not finite is left out; empty for fewer than two
// points. `label` says what it is to who can't see it.
std::string Sparkline(const std::vector<CurvePoint>& points, std::string_view label);

struct Axes {
  std::string_view title;    // "loss"
  std::string_view y_unit;   // empty: a number
  std::string_view x_title;  // "step"
};

// With axes and a few marks on them; y is logarithmic where values are above 0 and lie far apart,
// and then says so. Empty for fewer than two points.
std::string Chart(const std::vector<CurvePoint>& points, const Axes& axes);

}  // namespace descent::pages

#endif  // SERVER_PAGES_CURVE_H_
