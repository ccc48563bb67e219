// Numbers brought to mean 0 and standard deviation 1, whatever their size.
//
// Statistics are taken of differences from a number amidst the values, in units of their range,
// with compensated sums: neither a large common part (identifiers, times, amounts of 10^15 and
// more) nor the ends of what a double holds cost digits or overflow.

#ifndef CLIENT_CLI_ENCODING_STANDARDIZATION_H_
#define CLIENT_CLI_ENCODING_STANDARDIZATION_H_

#include <vector>

#include "absl/types/span.h"

namespace descent::cli {

// x is encoded as (x - mean) / scale. Requires scale > 0.
struct Standardization {
  double mean = 0;
  double scale = 1;

  // Infinite where the result is beyond what a double holds, never NaN for a finite number.
  double Encode(double number) const;
  double Decode(double encoded) const { return encoded * scale + mean; }
};

// Mean and population standard deviation of finite values, at least one. Values that are all the
// same, or differ by no more than the rounding of computed decimals (4 units in the last place, and
// not all whole), have no spread to divide by: a constant has itself for a mean, so that it is
// encoded as 0, and its size (at least 1) for a scale, so that another value met later stays small.
Standardization Standardize(absl::Span<const double> values);

// Whether Standardize takes the values for a constant.
bool IsConstant(absl::Span<const double> values);

// The middle value, or the mean of the two in the middle. Requires values.
double Median(std::vector<double> values);

// Whether the values are whole numbers of which some are so large (above 2^53) that the next ones
// are not told apart by a double.
bool LoseUnits(absl::Span<const double> values);

}  // namespace descent::cli

#endif  // CLIENT_CLI_ENCODING_STANDARDIZATION_H_
