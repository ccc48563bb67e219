#include "server/models/work/wait_estimate.h"

#include <algorithm>
#include <cmath>

namespace descent::models {
namespace {

// What ended so many seconds ago counts 1/e: some merged predictions of a large network, which end
// together, and still soon enough for a load that changes.
constexpr double kMemorySeconds = 0.1;

}  // namespace

void WaitEstimate::NoteEnd(absl::Time now) {
  const double seconds = absl::ToDoubleSeconds(now - last_);
  const double kept = std::exp(-seconds / kMemorySeconds);
  busy_seconds_ = busy_seconds_ * kept + seconds;
  ended_ = ended_ * kept + 1;
  last_ = now;
}

absl::Duration WaitEstimate::Wait(std::int64_t items, absl::Time now) const {
  if (ended_ == 0) return absl::ZeroDuration();
  // If nothing has ended for longer than usual, the next end is taken to be now.
  const double since_last = absl::ToDoubleSeconds(now - last_);
  const double seconds_a_piece =
      std::max(busy_seconds_ / ended_, (busy_seconds_ + since_last) / (ended_ + 1));
  return absl::Seconds(seconds_a_piece * static_cast<double>(items));
}

}  // namespace descent::models
