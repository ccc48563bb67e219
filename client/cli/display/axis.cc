#include "client/cli/display/axis.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/format.h"

namespace descent::cli {
namespace {

constexpr double kLogarithmicSpan = 30;
// A linear axis begins at zero if that leaves no more than this share of it empty.
constexpr double kZeroIsNear = 0.4;

// The smallest of 1, 2, 5 times a power of ten that is at least `step`.
double RoundStep(double step) {
  const double power = std::pow(10.0, std::floor(std::log10(step)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= step * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

// Digits after the point that tell multiples of `step` apart.
int Decimals(double step) {
  return std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
}

std::string Label(double value, double step) {
  const double magnitude = std::max(std::abs(value), step);
  if (magnitude >= 1e7 || step < 1e-5) return absl::StrFormat("%.3g", value);
  return FormatFixed(value, Decimals(step));
}

}  // namespace

Axis::Axis(double low, double high, bool logarithmic)
    : low_(low), high_(high), logarithmic_(logarithmic) {}

Axis Axis::Fit(const std::vector<double>& values, int ticks) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (low > high) low = high = 0;

  if (low > 0 && high / low > kLogarithmicSpan) {
    const double margin = std::pow(high / low, 0.04);
    Axis axis(low / margin, high * margin, /*logarithmic=*/true);
    axis.AddLogarithmicTicks(ticks);
    return axis;
  }
  if (low > 0 && low < kZeroIsNear * high) low = 0;
  if (low == high) {
    const double margin = low == 0 ? 1 : std::abs(low) / 10;
    low -= margin;
    high += margin;
  }
  const double step = RoundStep((high - low) / ticks);
  Axis axis(std::floor(low / step) * step, std::ceil(high / step) * step, /*logarithmic=*/false);
  axis.AddLinearTicks(step);
  return axis;
}

Axis Axis::Counting(int64_t first, int64_t last, int ticks) {
  const double margin = first == last ? 1 : 0;
  const double low = static_cast<double>(first) - margin;
  const double high = static_cast<double>(last) + margin;
  Axis axis(low, high, /*logarithmic=*/false);
  const auto step = static_cast<int64_t>(std::max(1.0, RoundStep((high - low) / ticks)));
  for (int64_t value = first; value <= last; value = (value / step + 1) * step) {
    // The first one gives way to a round one beside it.
    const bool crowds = value == first && step - value % step < step / 2;
    if (crowds && value / step + 1 <= last / step) continue;
    axis.ticks_.push_back({static_cast<double>(value), FormatCount(value)});
  }
  return axis;
}

double Axis::Position(double value) const {
  if (logarithmic_) return std::log(value / low_) / std::log(high_ / low_);
  return (value - low_) / (high_ - low_);
}

void Axis::AddLinearTicks(double step) {
  const auto count = static_cast<int>(std::lround((high_ - low_) / step));
  for (int i = 0; i <= count; ++i) {
    // From zero, so that a tick at zero is exactly that.
    const double value = std::round(low_ / step + i) * step;
    ticks_.push_back({value, Label(value, step)});
  }
}

void Axis::AddLogarithmicTicks(int count) {
  // Every power of ten, and 2 and 5 times it if there are few.
  const auto first = static_cast<int>(std::floor(std::log10(low_)));
  const auto last = static_cast<int>(std::ceil(std::log10(high_)));
  const int stride = std::max(1, (last - first + count - 1) / count);
  const std::vector<double> factors =
      last - first <= 3 ? std::vector<double>{1, 2, 5} : std::vector<double>{1};
  for (int exponent = first; exponent <= last; exponent += stride) {
    const double power = std::pow(10.0, exponent);
    for (const double factor : factors) {
      const double value = factor * power;
      if (value >= low_ && value <= high_) ticks_.push_back({value, Label(value, power)});
    }
  }
}

}  // namespace descent::cli
