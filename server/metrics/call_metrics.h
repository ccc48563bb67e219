// Every call counted, under the names that gRPC servers' metrics have everywhere (those of
// go-grpc-prometheus), and refusals by their reasons.

#ifndef SERVER_METRICS_CALL_METRICS_H_
#define SERVER_METRICS_CALL_METRICS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "clock/duration_histogram.h"
#include "server/metrics/families.h"
#include "server/metrics/refusal_counts.h"
#include "server/services/call_hooks.h"
#include "server/services/method_name.h"

namespace google::protobuf {
class MethodDescriptor;
}

namespace descent::metrics {

// Thread-safe. A call takes some additions to atomics that are its method's own; a lock only if it
// is refused.
class CallMetrics final : public services::CallObserver, public services::MessageCounter {
 public:
  // Counts the calls of all methods of these services, as the program's descriptors have them, and
  // no others: what callers make up makes no series.
  explicit CallMetrics(const std::vector<std::string>& services);

  void OnCallStart(const services::MethodName& name,
                   const grpc::ServerContextBase& context) override;
  void OnCallEnd(const services::CallRecord& record) override;
  services::MessageCounts* CountsOf(const services::MethodName& name) override;

  Families Collect() const;

 private:
  static constexpr std::size_t kCodes = 17;  // of gRPC, from OK to UNAUTHENTICATED

  // On cache lines of its own, so that calls of different methods do not wait for each other's.
  struct alignas(64) Method {
    explicit Method(const google::protobuf::MethodDescriptor& descriptor);

    const std::string service;
    const std::string name;
    const std::string_view type;  // "unary", "client_stream", "server_stream", "bidi_stream"
    std::atomic<std::uint64_t> started{0};
    std::array<std::atomic<std::uint64_t>, kCodes> handled{};
    services::MessageCounts messages;
    DurationHistogram durations;
  };

  // Null for a method that is not known.
  Method* Find(const services::MethodName& name) const;

  std::deque<Method> methods_;  // in the order of their services
  // Constant after construction; the keys are the methods' own.
  absl::flat_hash_map<std::pair<std::string_view, std::string_view>, Method*> by_name_;
  RefusalCounts refusals_;
};

}  // namespace descent::metrics

#endif  // SERVER_METRICS_CALL_METRICS_H_
