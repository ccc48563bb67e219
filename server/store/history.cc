#include "server/store/history.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>

namespace descent::store {
namespace {

// Which of the intervals a step lies in.
std::int64_t IntervalOf(std::int64_t step, std::int64_t interval) { return (step - 1) / interval; }

bool InOneInterval(const HistoryPoint& a, const HistoryPoint& b, std::int64_t interval) {
  return IntervalOf(a.step, interval) == IntervalOf(b.step, interval);
}

// As a sum of shares, which can't overflow where the means are finite.
double JoinMeans(double a, std::int64_t weight_of_a, double b, std::int64_t weight_of_b) {
  const double sum = static_cast<double>(weight_of_a) + static_cast<double>(weight_of_b);
  if (sum == 0) return 0;
  return a * (static_cast<double>(weight_of_a) / sum) +
         b * (static_cast<double>(weight_of_b) / sum);
}

void Join(const HistoryPoint& later, HistoryPoint* point) {
  point->step = later.step;
  point->time = later.time;
  point->loss = JoinMeans(point->loss, point->rows, later.loss, later.rows);
  point->gradient_norm =
      JoinMeans(point->gradient_norm, point->updates, later.gradient_norm, later.updates);
  point->learning_rate = later.learning_rate;
  for (std::size_t i = 0; i < point->measures.size(); ++i) {
    point->measures[i] =
        JoinMeans(point->measures[i], point->measured_rows, later.measures[i], later.measured_rows);
  }
  point->measured_rows += later.measured_rows;
  point->updates += later.updates;
  point->rows += later.rows;
}

void DoubleInterval(History* history) {
  history->interval *= 2;
  std::size_t joined = 0;
  for (const HistoryPoint& point : history->points) {
    if (joined > 0 && InOneInterval(history->points[joined - 1], point, history->interval)) {
      Join(point, &history->points[joined - 1]);
    } else {
      history->points[joined++] = point;
    }
  }
  history->points.resize(joined);
}

bool IsValid(const HistoryPoint& point) {
  // A measure may be infinite, where the loss is not.
  const auto is_measure = [](double measure) { return measure >= 0; };
  return point.updates > 0 && point.rows >= 0 && std::isfinite(point.loss) &&
         std::isfinite(point.gradient_norm) && std::isfinite(point.learning_rate) &&
         point.measured_rows >= 0 && point.measured_rows <= point.rows &&
         std::ranges::all_of(point.measures, is_measure);
}

}  // namespace

void AddUpdate(const HistoryPoint& update, History* history) {
  std::vector<HistoryPoint>& points = history->points;
  const auto joins_the_last = [&] {
    return !points.empty() && InOneInterval(points.back(), update, history->interval);
  };
  while (points.size() == kMostHistoryPoints && !joins_the_last()) DoubleInterval(history);
  if (joins_the_last()) {
    Join(update, &points.back());
  } else {
    points.push_back(update);
  }
}

bool IsValid(const History& history, std::int64_t step) {
  if (history.points.size() > kMostHistoryPoints || history.interval <= 0 ||
      !std::has_single_bit(static_cast<std::uint64_t>(history.interval))) {
    return false;
  }
  std::int64_t last = -1;
  for (const HistoryPoint& point : history.points) {
    if (point.step < 1 || point.step > step || !IsValid(point)) return false;
    const std::int64_t interval = IntervalOf(point.step, history.interval);
    if (interval <= last) return false;
    last = interval;
  }
  return true;
}

}  // namespace descent::store
