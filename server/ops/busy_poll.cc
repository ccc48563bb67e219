#include "server/ops/busy_poll.h"

#include <algorithm>

namespace descent::ops {

int BusyPoll::Poll(absl::FunctionRef<int()> ask, absl::FunctionRef<absl::Time()> now) {
  if (!has_spare_ || last_wait_ > kMost) return 0;
  const absl::Time start = now();
  if (start < rests_until_) return 0;
  for (absl::Time last = start; last - start < kMost;) {
    const int count = ask();
    const absl::Time time = now();
    const absl::Duration gap = time - last;
    if (gap >= kKept) rests_until_ = time + kRest * std::max(gap, kMost);
    if (count != 0 || gap >= kKept) return count;
    last = time;
  }
  return 0;
}

}  // namespace descent::ops
