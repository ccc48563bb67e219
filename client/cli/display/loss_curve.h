// Draws how the loss went down over the epochs or steps, as an SVG picture that stands on its own.

#ifndef CLIENT_CLI_DISPLAY_LOSS_CURVE_H_
#define CLIENT_CLI_DISPLAY_LOSS_CURVE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace descent::cli {

struct LossCurve {
  std::string title;     // "california: 13-64-64-1"
  std::string subtitle;  // how it was trained, how it ended
  std::string loss_name;
  // What the values below are at: numbers that rise, "step". Empty: 1, 2, 3 …
  std::string unit = "epoch";
  std::vector<int64_t> at;
  std::vector<double> training_loss;
  std::vector<double> test_loss;  // empty if there are no test rows
  // Another measure in a panel of its own below, unless empty: "rmse", "test rmse".
  std::string metric_name;
  std::string metric_series;
  std::vector<double> metric;
};

// The picture, as XML. Losses that are not finite leave a gap.
std::string RenderLossCurve(const LossCurve& curve);

// Writes the picture to a file. A usage error if that can't be done.
absl::Status WriteLossCurve(const LossCurve& curve, const std::string& path);

}  // namespace descent::cli

#endif  // CLIENT_CLI_DISPLAY_LOSS_CURVE_H_
