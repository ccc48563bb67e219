// A model's history, which its lane writes and everybody may look at.

#ifndef SERVER_MODELS_STATE_SHARED_HISTORY_H_
#define SERVER_MODELS_STATE_SHARED_HISTORY_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/store/history.h"

namespace descent::models {

// The mutex is held while some tens of kilobytes are copied at most.
class SharedHistory {
 public:
  // For whoever writes it, and nobody else: one thread at a time.

  const store::History& own() const ABSL_NO_THREAD_SAFETY_ANALYSIS { return history_; }
  void Add(const store::HistoryPoint& update) {
    const absl::MutexLock lock(&mutex_);
    store::AddUpdate(update, &history_);
  }
  void Set(store::History history) {
    const absl::MutexLock lock(&mutex_);
    std::swap(history_, history);
  }

  // For everybody: the points up to `step`.
  std::vector<store::HistoryPoint> PointsUpTo(std::int64_t step) const {
    const absl::MutexLock lock(&mutex_);
    std::vector<store::HistoryPoint> points = history_.points;
    while (!points.empty() && points.back().step > step) points.pop_back();
    return points;
  }

 private:
  mutable absl::Mutex mutex_;
  store::History history_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::models

#endif  // SERVER_MODELS_STATE_SHARED_HISTORY_H_
