// The bytes of answers that are made but not taken by their clients yet: bounded for each
// connection and for all, so that a client which reads nothing blocks itself alone.
//
// gRPC keeps an answer until the client's windows have taken it, and counts it nowhere. So a call
// whose answer may be large waits for its turn before anything is computed for it, and holds its
// bytes until gRPC is done with the call.

#ifndef SERVER_SERVICES_UNSENT_ANSWERS_H_
#define SERVER_SERVICES_UNSENT_ANSWERS_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/models/work/executor.h"
#include "server/models/work/memory_budget.h"

namespace descent::services {

struct UnsentLimits {
  // Answers of at most so many bytes go at once while all such together are within the other
  // number: most calls look no further.
  std::size_t small_bytes = 16 << 10;
  std::size_t all_small_bytes = std::size_t{64} << 20;
  // Other answers, on one connection and on all. One answer is let through whatever its size.
  std::size_t connection_bytes = std::size_t{64} << 20;
  std::size_t all_bytes = std::size_t{256} << 20;

  // An answer that has been on its way for longer than these allow is cancelled: the grace and the
  // time its bytes take at the pace. The first while others wait for its place, the second always.
  absl::Duration grace_when_wanted = absl::Seconds(5);
  double bytes_per_second_when_wanted = 4 << 20;
  absl::Duration grace = absl::Minutes(1);
  double bytes_per_second = 64 << 10;
};

// Lowers what would be large parts of a budget of `memory_bytes`: an answer costs twice its bytes
// while it is made.
inline void BoundByMemory(std::size_t memory_bytes, UnsentLimits* limits) {
  limits->all_bytes = std::min(limits->all_bytes, memory_bytes / 8);
  limits->connection_bytes = std::min(limits->connection_bytes, memory_bytes / 16);
  limits->all_small_bytes = std::min(limits->all_small_bytes, memory_bytes / 32);
}

class UnsentAnswers;

// One answer's place. Gives its bytes back when destroyed, which ends no wait: a call must not go
// while it waits. Not thread-safe but as said.
class UnsentAnswer {
 public:
  UnsentAnswer() = default;
  ~UnsentAnswer();
  UnsentAnswer(const UnsentAnswer&) = delete;
  UnsentAnswer& operator=(const UnsentAnswer&) = delete;

  // The answer has become larger than was asked for.
  void Raise(std::size_t bytes);

  // The answer has been handed to gRPC: from now on the client is expected to take it, and `cancel`
  // is called if it does not. It must not wait, nor end the call where it is called.
  void Sending(absl::AnyInvocable<void()> cancel);

 private:
  friend class UnsentAnswers;
  enum class State : std::uint8_t { kNone, kSmall, kWaiting, kGranted };
  struct Connection;

  UnsentAnswers* owner_ = nullptr;
  std::size_t bytes_ = 0;
  std::atomic<State> state_ = State::kNone;
  // All below are guarded by the owner's mutex once the answer waits.
  Connection* connection_ = nullptr;
  models::MemoryCharge charge_;
  absl::AnyInvocable<void(absl::Status)> go_;
  std::optional<absl::Time> sending_since_;
  absl::AnyInvocable<void()> cancel_;
  std::list<UnsentAnswer*>::iterator granted_;
};

// Thread-safe. Must outlive every answer.
class UnsentAnswers {
 public:
  // What is granted is counted against `memory`; `executor` takes those whose turn has come.
  UnsentAnswers(const UnsentLimits& limits, std::shared_ptr<models::MemoryBudget> memory,
                models::Executor* executor);
  ~UnsentAnswers();
  UnsentAnswers(const UnsentAnswers&) = delete;
  UnsentAnswers& operator=(const UnsentAnswers&) = delete;

  // Takes the place of a small answer. False when it has to wait as others do.
  bool TakeSmall(std::size_t bytes, UnsentAnswer* answer);

  // Calls `go` once `answer` may be made: before this returns, or later on the executor.
  // Connections take turns, the answers of one go in their order. Not OK: RESOURCE_EXHAUSTED
  // (MEMORY_BUDGET), when there would be no room if nobody else had any; CANCELLED when the caller
  // is `gone`.
  void Await(const std::string& peer, std::size_t bytes, const std::atomic<bool>& gone,
             UnsentAnswer* answer, absl::AnyInvocable<void(absl::Status)> go);

  // The caller has gone, and what Await was told of it is set: if `answer` waits, its turn comes
  // now. May be called while Await is.
  void Forget(UnsentAnswer* answer);

  // Cancels answers that have not been taken in their time; `now` is of SteadyNow.
  void CancelStalled(absl::Time now);

  // Bytes of answers that were granted and are not done with.
  std::size_t granted_bytes() const;

 private:
  friend class UnsentAnswer;
  using Turns = std::vector<std::pair<UnsentAnswer*, absl::Status>>;

  void Release(UnsentAnswer* answer);
  // Ends a wait, with nothing granted.
  Turns Leave(UnsentAnswer* answer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Grants what there is room for.
  Turns Grant() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Fits(const UnsentAnswer::Connection& connection, std::size_t bytes) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RunLater(const Turns& turns);

  const UnsentLimits limits_;
  const std::shared_ptr<models::MemoryBudget> memory_;
  models::Executor& executor_;

  std::atomic<std::size_t> small_{0};
  mutable absl::Mutex mutex_;
  std::size_t granted_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::list<UnsentAnswer*> granted_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::unique_ptr<UnsentAnswer::Connection>> connections_
      ABSL_GUARDED_BY(mutex_);
  // Those with answers that wait, in the order of their turns.
  std::deque<UnsentAnswer::Connection*> turns_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::services

#endif  // SERVER_SERVICES_UNSENT_ANSWERS_H_
