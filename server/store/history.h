// How a model's training went, for people: a curve of a bounded number of points, however long the
// training. It follows from the updates and the times that their records have, so what is applied
// again leads to the same points; it is part of no state hash.

#ifndef SERVER_STORE_HISTORY_H_
#define SERVER_STORE_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "core/batch_measures.h"

namespace descent::store {

// Some updates that trained, one after another, taken together.
struct HistoryPoint {
  std::int64_t step = 0;  // the model's after the last of them, >= 1
  absl::Time time;        // of the last of them
  std::int64_t updates = 0;
  std::int64_t rows = 0;
  double loss = 0;           // the mean over the rows, 0 if there are none
  double gradient_norm = 0;  // the mean over the updates
  double learning_rate = 0;  // of the last of them
  // Of how many of the rows there are measures, and their mean: not of those that were learned from
  // before measures were kept.
  std::int64_t measured_rows = 0;
  BatchMeasures measures = {};

  bool operator==(const HistoryPoint&) const = default;
};

struct History {
  // How many steps a point may stand for: a power of two. Steps from n · interval + 1 to
  // (n + 1) · interval are joined, for each n that there are updates of.
  std::int64_t interval = 1;
  std::vector<HistoryPoint> points;  // steps rise

  bool operator==(const History&) const = default;
};

inline constexpr std::size_t kMostHistoryPoints = 512;

// Adds one update, of a later step than those before. When that would be a point too many, the
// interval is doubled until it is not. Allocates only where `points` grows.
void AddUpdate(const HistoryPoint& update, History* history);

// What can have come of AddUpdate, the last step at most `step`.
bool IsValid(const History& history, std::int64_t step);

}  // namespace descent::store

#endif  // SERVER_STORE_HISTORY_H_
