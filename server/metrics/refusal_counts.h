// Calls that the server would not serve, counted by why: it had no room, was not ready, or the
// caller may not.

#ifndef SERVER_METRICS_REFUSAL_COUNTS_H_
#define SERVER_METRICS_REFUSAL_COUNTS_H_

#include <prometheus/metric_family.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace descent::metrics {

// The name of a code in metrics: "OK", "InvalidArgument".
std::string_view CodeName(absl::StatusCode code);

// Thread-safe.
class RefusalCounts {
 public:
  // Reasons are the server's own words, so there are few. Should there be more than so many with
  // their codes, further ones are "OTHER".
  static constexpr std::size_t kMostReasons = 64;

  // Begins with the reasons that are known, so that their first refusal is a change.
  RefusalCounts();

  // Counts what is RESOURCE_EXHAUSTED, UNAVAILABLE, UNAUTHENTICATED or PERMISSION_DENIED.
  void Add(const absl::Status& status);

  prometheus::MetricFamily Collect() const;

 private:
  using Key = std::pair<absl::StatusCode, std::string>;

  mutable absl::Mutex mutex_;
  std::map<Key, std::uint64_t> counts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::metrics

#endif  // SERVER_METRICS_REFUSAL_COUNTS_H_
