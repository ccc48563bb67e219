#include "server/services/ack_pace.h"

#include <algorithm>

namespace descent::services {

void AckPace::OnBatch(absl::Time now) {
  const bool is_fast = now - last_batch_ < round_trip_;
  last_batch_ = now;
  score_ = std::clamp(score_ + (is_fast ? 1 : -kMostGathered), 0, kMostScore);
}

void AckPace::OnGatheredAll() { round_trip_ = std::min(2 * round_trip_, kLongestRoundTrip); }

void AckPace::OnNoBatch() {
  round_trip_ = std::max(round_trip_ / 2, kShortestRoundTrip);
  score_ = 0;
}

}  // namespace descent::services
