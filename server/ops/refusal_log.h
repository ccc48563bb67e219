// Calls that were refused for what their callers may not do: counted by reason, and logged.

#ifndef SERVER_OPS_REFUSAL_LOG_H_
#define SERVER_OPS_REFUSAL_LOG_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/access/refusal.h"
#include "server/services/call_hooks.h"

namespace descent::ops {

// How many lines may be written: a number at once, and one more each second, so that whoever is
// refused all the time fills no disk. Thread-safe.
class LineAllowance {
 public:
  static constexpr std::int64_t kAtOnce = 20;

  // Whether there may be a line now, a time of SteadyNow: then, how many there were since the last
  // that might not be.
  std::optional<std::int64_t> Take(absl::Time now);

 private:
  absl::Mutex mutex_;
  absl::Time last_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  double left_ ABSL_GUARDED_BY(mutex_) = kAtOnce;
  std::int64_t withheld_ ABSL_GUARDED_BY(mutex_) = 0;
};

// A line says who was refused what and why, and nothing of what they have shown. Thread-safe.
class RefusalLog final : public services::CallObserver {
 public:
  void OnCallEnd(const services::CallRecord& record) override;

  // What was asked for, and what became of it; nothing happens unless it was refused.
  struct Asked {
    std::string_view service;
    std::string_view method;
    std::string_view model;
    std::string_view caller;
    std::string_view peer;
    std::string_view trace_id = {};
    const absl::Status& status;
  };
  void Add(const Asked& asked);

  const access::RefusalCounts& counts() const { return counts_; }

 private:
  access::RefusalCounts counts_;
  LineAllowance lines_;
};

}  // namespace descent::ops

#endif  // SERVER_OPS_REFUSAL_LOG_H_
