#include "client/cli/encoding/standardization.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>

namespace descent::cli {
namespace {

bool IsWhole(double value) { return std::trunc(value) == value; }

bool AreWhole(absl::Span<const double> values) {
  return std::all_of(values.begin(), values.end(), IsWhole);
}

// Neumaier's: as if summed in twice the precision.
class CompensatedSum {
 public:
  void Add(double term) {
    const double sum = sum_ + term;
    const bool term_is_smaller = std::abs(sum_) >= std::abs(term);
    lost_ += term_is_smaller ? (sum_ - sum) + term : (term - sum) + sum_;
    sum_ = sum;
  }
  double value() const { return sum_ + lost_; }

 private:
  double sum_ = 0;
  double lost_ = 0;
};

struct Range {
  double low = 0;
  double high = 0;

  explicit Range(absl::Span<const double> values)
      : low(*std::min_element(values.begin(), values.end())),
        high(*std::max_element(values.begin(), values.end())) {}

  double LargestMagnitude() const { return std::max(std::abs(low), std::abs(high)); }
};

bool IsConstant(const Range& range, absl::Span<const double> values) {
  if (range.low == range.high) return true;
  constexpr double kRounding = 4 * std::numeric_limits<double>::epsilon();
  return range.high - range.low <= kRounding * range.LargestMagnitude() && !AreWhole(values);
}

}  // namespace

double Standardization::Encode(double number) const {
  const double difference = number - mean;
  if (std::isfinite(difference)) return difference / scale;
  return number / scale - mean / scale;
}

Standardization Standardize(absl::Span<const double> values) {
  const Range range(values);
  if (IsConstant(range, values)) {
    return {values.front(), std::max(1.0, range.LargestMagnitude())};
  }
  // Differences from the middle, as multiples of a power of two that bounds them: exact, and in
  // [-1, 1].
  const double middle = std::midpoint(range.low, range.high);
  const int exponent = std::ilogb(std::max(range.high - middle, middle - range.low)) + 1;
  const auto count = static_cast<double>(values.size());
  const auto reduced = [middle, exponent](double value) {
    return std::scalbn(value - middle, -exponent);
  };
  CompensatedSum sum;
  for (const double value : values) sum.Add(reduced(value));
  const double mean = sum.value() / count;
  CompensatedSum squares;
  for (const double value : values) {
    const double deviation = reduced(value) - mean;
    squares.Add(deviation * deviation);
  }
  const double deviation = std::sqrt(squares.value() / count);
  return {middle + std::scalbn(mean, exponent),
          std::max(std::scalbn(deviation, exponent), std::numeric_limits<double>::denorm_min())};
}

bool IsConstant(absl::Span<const double> values) { return IsConstant(Range(values), values); }

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return std::midpoint(*std::max_element(values.begin(), middle), *middle);
}

bool LoseUnits(absl::Span<const double> values) {
  constexpr double kLargestWithUnits = 9007199254740992;  // 2^53
  return Range(values).LargestMagnitude() > kLargestWithUnits && AreWhole(values);
}

}  // namespace descent::cli
