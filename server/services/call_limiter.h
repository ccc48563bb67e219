// Limits of each caller and of each connection: calls at once, calls a second, bytes on their way.
// Whoever is over one is refused, or, on a stream, not read on for a while; nobody else notices.

#ifndef SERVER_SERVICES_CALL_LIMITER_H_
#define SERVER_SERVICES_CALL_LIMITER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/container/node_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/services/caller_limits.h"

namespace descent::services {

class CallLimiter;

enum class LimitedParty : std::uint8_t { kCaller, kConnection };
enum class LimitKind : std::uint8_t {
  kCalls,  // TOO_MANY_CALLS
  kRate,   // RATE_EXCEEDED
  kBytes,  // TOO_MANY_BYTES
};
inline constexpr std::size_t kLimitedParties = 2;
inline constexpr std::size_t kLimitKinds = 3;

// "caller", "connection": words for logs and metrics.
std::string_view NameOf(LimitedParty party);
// "TOO_MANY_CALLS", …
std::string_view ReasonOf(LimitKind kind);

// Who shares the limits of a caller with whom when nobody says who calls: those of one address,
// without the port, or of one network of 2^64 addresses of IPv6, which is what one customer has.
// `peer` as gRPC has it ("ipv4:10.0.0.1:5000"); any other (a Unix socket) is its own.
std::string AddressOf(std::string_view peer);

// What one call takes of its caller's and its connection's. Gives it back when destroyed. Not
// thread-safe.
class CallShare {
 public:
  CallShare() = default;
  ~CallShare();
  CallShare(const CallShare&) = delete;
  CallShare& operator=(const CallShare&) = delete;

  // A message of a stream has come, whatever the limits.
  void AddMessage(std::size_t bytes) {
    if (limiter_ != nullptr) CountMessage(bytes);
  }
  // So many bytes of what has come are answered.
  void Answered(std::size_t bytes);
  // How long a stream has to wait before it is asked again whether it may be read on; zero: it may.
  // Streams leave half of the bytes to other calls.
  absl::Duration ReadPause() const { return limiter_ == nullptr ? absl::ZeroDuration() : Pause(); }

  // What the caller may have from now on; null: no more than others.
  void SetOverrides(const LimitOverrides* overrides);

 private:
  friend class CallLimiter;
  // Guarded by the limiter's mutex, but for the bytes, which messages of streams change often.
  struct Tally {
    std::int64_t calls = 0;
    std::atomic<std::size_t> bytes{0};
    std::int64_t per_second = 0;  // as it was last asked about; 0: no bound
    double allowed = 0;           // calls that may come at once; below zero after many messages
    absl::Time counted;           // when `allowed` was brought up to date
  };
  using Tallies = absl::node_hash_map<std::string, Tally>;
  struct Stake {
    Tallies::value_type* tally = nullptr;  // null: nothing is counted
    CallerLimits limits;
  };

  void CountMessage(std::size_t bytes);
  absl::Duration Pause() const;

  CallLimiter* limiter_ = nullptr;  // null: no stake
  std::array<Stake, kLimitedParties> stakes_;
  std::size_t bytes_ = 0;
};

// Thread-safe. Must outlive every share.
class CallLimiter {
 public:
  explicit CallLimiter(const CallLimits& limits) : limits_(limits) {}

  // Takes what a call with so many bytes needs, to `share`, which has nothing. `caller` empty:
  // nobody in particular, whoever calls from that address. `peer()` gives what gRPC has.
  //
  // RESOURCE_EXHAUSTED (TOO_MANY_CALLS, RATE_EXCEEDED, TOO_MANY_BYTES), saying whose limit and what
  // it is, with RetryInfo; nothing is taken then.
  template <typename Peer>
  absl::Status Enter(std::string_view caller, const LimitOverrides* overrides, Peer peer,
                     std::size_t bytes, CallShare* share) {
    const CallerLimits own =
        overrides == nullptr ? limits_.caller : overrides->Over(limits_.caller);
    // Who is named may get limits while a stream goes on.
    if (caller.empty() && !own.any() && !limits_.connection.any()) return absl::OkStatus();
    return Take(caller, own, peer(), bytes, share);
  }

  // Calls that were refused since the beginning.
  std::int64_t refused(LimitedParty party, LimitKind kind) const {
    return refused_[Index(party, kind)].load(std::memory_order_relaxed);
  }

  // Callers and connections that are remembered: those with calls, and some that are done.
  std::size_t size() const;

 private:
  friend class CallShare;
  using Tally = CallShare::Tally;
  using Tallies = CallShare::Tallies;
  using Stake = CallShare::Stake;

  static std::size_t Index(LimitedParty party, LimitKind kind) {
    return static_cast<std::size_t>(party) * kLimitKinds + static_cast<std::size_t>(kind);
  }

  absl::Status Take(std::string_view caller, const CallerLimits& own, const std::string& peer,
                    std::size_t bytes, CallShare* share);
  absl::Status Check(LimitedParty party, const Stake& stake, std::size_t bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Tallies::value_type* Find(LimitedParty party, std::string_view key, const CallerLimits& limits,
                            absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Forgets those that have no calls and may have all of them at once again.
  void Sweep(Tallies* tallies, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Leave(CallShare* share);
  // Those of them that nothing has to be remembered of.
  void Forget(const std::array<Stake, kLimitedParties>& stakes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const CallLimits limits_;
  std::array<std::atomic<std::int64_t>, kLimitedParties * kLimitKinds> refused_{};

  mutable absl::Mutex mutex_;
  std::array<Tallies, kLimitedParties> tallies_ ABSL_GUARDED_BY(mutex_);
  std::array<std::size_t, kLimitedParties> sweep_at_ ABSL_GUARDED_BY(mutex_) = {1024, 1024};
};

}  // namespace descent::services

#endif  // SERVER_SERVICES_CALL_LIMITER_H_
