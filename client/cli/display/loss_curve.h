// Draws how the loss went down over the epochs, as an SVG picture that stands on its own.

#ifndef CLIENT_CLI_DISPLAY_LOSS_CURVE_H_
#define CLIENT_CLI_DISPLAY_LOSS_CURVE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace descent::cli {

struct LossCurve {
  std::string title;     // "california: 13-64-64-1"
  std::string subtitle;  // how it was trained, how it ended
  std::string loss_name;
  std::vector<double> training_loss;  // one an epoch
  std::vector<double> test_loss;      // the same, or empty if there are no test rows
  // A measure of the test rows in a panel of its own below, unless empty.
  std::string metric_name;
  std::vector<double> test_metric;
};

// The picture, as XML. Losses that are not finite leave a gap.
std::string RenderLossCurve(const LossCurve& curve);

// Writes the picture to a file. A usage error if that can't be done.
absl::Status WriteLossCurve(const LossCurve& curve, const std::string& path);

}  // namespace descent::cli

#endif  // CLIENT_CLI_DISPLAY_LOSS_CURVE_H_
