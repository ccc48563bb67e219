// Recognises repeats of requests, so that a call whose answer was lost can be sent again.

#ifndef SERVER_MODELS_REQUESTS_REQUEST_WINDOW_H_
#define SERVER_MODELS_REQUESTS_REQUEST_WINDOW_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/models/commands.h"
#include "server/models/errors.h"
#include "server/models/work/memory_budget.h"

namespace descent::models {

// Remembers the successful answers to the newest `count` ids, none longer than `age` by whatever
// clock the times given are of, and the ids that are being worked on. Answers that are large
// together, or that the budget has no room for, are forgotten sooner, the oldest first; the newest
// is always remembered. A failed request changed nothing, so its id is free again. Thread-safe.
template <typename Outcome>
class RequestWindow {
 public:
  // Takes the first request's answer, or ALREADY_EXISTS (REQUEST_ID_REUSED); with no lock held.
  using OnRepeat = absl::AnyInvocable<void(const absl::StatusOr<Outcome>&) &&>;

  // At most `bytes` of answers, counted in `memory`.
  RequestWindow(std::size_t count, absl::Duration age,
                std::size_t bytes = std::numeric_limits<std::size_t>::max(),
                MemoryCharge memory = {})
      : count_(count), age_(age), most_bytes_(bytes), memory_(std::move(memory)) {}

  // True: the request is new; the caller works on it and then calls Finish. False: it is a repeat,
  // and what `make_on_repeat`, OnRepeat(), makes is called, now or when the first one finishes.
  // Requires an id. `make_on_repeat` is called for repeats only, with the lock held.
  template <typename MakeOnRepeat>
  bool Begin(const RequestKey& request, absl::Time now, MakeOnRepeat make_on_repeat);

  // Remembers a success of so many bytes, forgets a failure, and answers the repeats that came
  // meanwhile.
  void Finish(const std::string& id, absl::Time now, const absl::StatusOr<Outcome>& outcome,
              std::size_t bytes = 0);

  // Remembers an answer from before a restart; oldest first, before any Begin.
  void Restore(const RequestKey& request, absl::Time time, Outcome outcome, std::size_t bytes = 0) {
    const absl::MutexLock lock(&mutex_);
    if (!entries_.try_emplace(request.id, Entry{request.fingerprint, std::move(outcome), {}})
             .second) {
      return;
    }
    AddAnswered(request.id, time, bytes);
  }

  // Answers remembered and requests being worked on.
  std::size_t size() const {
    const absl::MutexLock lock(&mutex_);
    return entries_.size();
  }

 private:
  struct Entry {
    std::uint64_t fingerprint = 0;
    std::optional<Outcome> outcome;  // unset: being worked on
    std::vector<OnRepeat> repeats;   // only while being worked on
  };
  struct Answered {
    std::string id;
    absl::Time time;
    std::size_t bytes = 0;
  };

  // An answer's two places in the tables, with the id in both.
  static std::size_t EntryBytes(const std::string& id) { return 200 + 2 * id.capacity(); }

  void AddAnswered(const std::string& id, absl::Time now, std::size_t bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    bytes += EntryBytes(id);
    answered_.push_back({id, now, bytes});
    bytes_ += bytes;
    Forget(now);
    while (!memory_.TryRaise(bytes_).ok() && answered_.size() > 1) ForgetOldest();
    memory_.Raise(bytes_);
    memory_.LowerTo(bytes_);
  }

  void Forget(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    while (!answered_.empty() &&
           (answered_.size() > count_ || answered_.front().time + age_ <= now ||
            (bytes_ > most_bytes_ && answered_.size() > 1))) {
      ForgetOldest();
    }
    memory_.LowerTo(bytes_);
  }

  void ForgetOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    entries_.erase(answered_.front().id);
    bytes_ -= answered_.front().bytes;
    answered_.pop_front();
  }

  const std::size_t count_;
  const absl::Duration age_;
  const std::size_t most_bytes_;

  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::deque<Answered> answered_ ABSL_GUARDED_BY(mutex_);  // oldest first
  std::size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;          // of those
  MemoryCharge memory_ ABSL_GUARDED_BY(mutex_);
};

template <typename Outcome>
template <typename MakeOnRepeat>
bool RequestWindow<Outcome>::Begin(const RequestKey& request, absl::Time now,
                                   MakeOnRepeat make_on_repeat) {
  OnRepeat on_repeat;
  std::optional<Outcome> answer;
  {
    const absl::MutexLock lock(&mutex_);
    Forget(now);
    const auto [entry, is_new] = entries_.try_emplace(request.id);
    if (is_new) {
      entry->second.fingerprint = request.fingerprint;
      return true;
    }
    on_repeat = make_on_repeat();
    if (entry->second.fingerprint == request.fingerprint) {
      if (!entry->second.outcome.has_value()) {
        entry->second.repeats.push_back(std::move(on_repeat));
        return false;
      }
      answer = entry->second.outcome;
    }
  }
  if (answer.has_value()) {
    std::move(on_repeat)(*std::move(answer));
  } else {
    std::move(on_repeat)(RequestIdReused(request.id));
  }
  return false;
}

template <typename Outcome>
void RequestWindow<Outcome>::Finish(const std::string& id, absl::Time now,
                                    const absl::StatusOr<Outcome>& outcome, std::size_t bytes) {
  std::vector<OnRepeat> repeats;
  {
    const absl::MutexLock lock(&mutex_);
    const auto entry = entries_.find(id);
    repeats = std::move(entry->second.repeats);
    if (outcome.ok()) {
      entry->second.outcome = *outcome;
      AddAnswered(id, now, bytes);
    } else {
      entries_.erase(entry);
    }
  }
  for (OnRepeat& repeat : repeats) std::move(repeat)(outcome);
}

}  // namespace descent::models

#endif  // SERVER_MODELS_REQUESTS_REQUEST_WINDOW_H_
