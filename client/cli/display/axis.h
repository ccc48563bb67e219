// One axis of a chart: a range of values, where they fall, and where the ticks go.

#ifndef CLIENT_CLI_DISPLAY_AXIS_H_
#define CLIENT_CLI_DISPLAY_AXIS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace descent::cli {

struct Tick {
  double value = 0;
  std::string label;
};

class Axis {
 public:
  // An axis that holds all finite ones of the values, with about `ticks` ticks at round numbers.
  // It is logarithmic if the values are positive and span more than a factor of 30, begins at zero
  // if that is near, and is never empty.
  static Axis Fit(const std::vector<double>& values, int ticks);

  // From `first` to `last`, or to both sides of it if they are one; about `ticks` ticks, at the
  // first and at round whole numbers. Requires first <= last.
  static Axis Counting(int64_t first, int64_t last, int ticks);

  // 0 at the axis's beginning, 1 at its end.
  double Position(double value) const;

  bool logarithmic() const { return logarithmic_; }
  const std::vector<Tick>& ticks() const { return ticks_; }

 private:
  Axis(double low, double high, bool logarithmic);

  void AddLinearTicks(double step);
  void AddLogarithmicTicks(int count);

  double low_;
  double high_;
  bool logarithmic_;
  std::vector<Tick> ticks_;
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_DISPLAY_AXIS_H_
