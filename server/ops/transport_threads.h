// As many of gRPC's threads at work as there is work for, and none asleep when work comes.
//
// gRPC 1.51 takes events and runs callbacks on half as many threads as there are processors, and at
// least two. One waits for the system's events; with each that it gets it wakes another thread to
// wait in its place, and what it finished may be taken up by a third: about five switches of
// threads for a call that one thread would serve with one. So one thread works here while that will
// do. Another joins when turns of one are long, so that nobody waits for others' work, or when one
// is too busy; and rests again when there has been no such reason for a while.
//
// After a second without an event those threads sleep for 100 ms, whatever comes meanwhile: a call
// that came once a second was answered after 40 ms. Here they go on waiting.
//
// One that works alone asks for events for a moment before it waits (busy_poll.h).
//
// gRPC has no place for this, so this program's grpc_completion_queue_next and epoll_wait take the
// place of gRPC's and the system's: they do what those do.

#ifndef SERVER_OPS_TRANSPORT_THREADS_H_
#define SERVER_OPS_TRANSPORT_THREADS_H_

#include <atomic>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace descent::ops {

// From now on for the servers that start; before, gRPC's threads are left alone. At most half as
// many as `cores` work, or two where turns are long. A gRPC whose threads do not wait for the
// system's events (1.60 and later) keeps all of them at work.
void SpareTransportThreads(int cores);

// Decides how many of a queue's threads may work. Thread-safe.
class TransportThreads {
 public:
  // A turn is long from this on, for who waits behind it.
  static constexpr absl::Duration kLongTurn = absl::Microseconds(300);
  // The shares of its time that a thread works when another is needed, and when none too many are;
  // looked at over so long.
  static constexpr double kBusy = 0.9;
  static constexpr double kHalfBusy = 0.5;
  static constexpr absl::Duration kWindow = absl::Milliseconds(10);
  // One thread less after so long without a reason.
  static constexpr absl::Duration kStay = absl::Milliseconds(100);
  // A thread that rests comes to help one that is still in the turn in which it was so long ago.
  static constexpr absl::Duration kStuck = absl::Milliseconds(250);

  // At most `most_busy`, which is at least 1, work because there is much to do; a second also
  // because turns are long.
  explicit TransportThreads(int most_busy) : most_busy_(most_busy) {}
  TransportThreads(const TransportThreads&) = delete;
  TransportThreads& operator=(const TransportThreads&) = delete;

  // A thread comes and works; it calls Rest between one event and the next, and it goes.
  void Join();
  void Leave();

  // Returns false at once if the calling thread may go on, and else true when it may again.
  bool Rest();
  // Nobody rests any more.
  void End();

  // A thread waits for events, and has done so: a turn of its begins.
  void BeginWait() { waiting_.fetch_add(1, std::memory_order_relaxed); }
  void EndWait() {
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    turns_.fetch_add(1, std::memory_order_relaxed);
  }

  // A working thread was so long at a stretch; it worked this share of its time.
  void NoteTurn(absl::Duration worked, absl::Time now);
  void NoteShare(double worked, absl::Time now);

  int allowed() const { return allowed_.load(std::memory_order_relaxed); }
  int working() const { return working_.load(std::memory_order_relaxed); }

 private:
  void AllowOneMore(int most, absl::Time now);
  void Allow(int threads, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AllowOneLess(absl::Time now);

  const int most_busy_;
  absl::Mutex mutex_;
  absl::CondVar may_work_;
  int threads_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time last_reason_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  // Written with the mutex held.
  std::atomic<int> allowed_ = 1;
  std::atomic<int> working_ = 0;
  std::atomic<int> waiting_ = 0;
  std::atomic<std::uint64_t> turns_ = 0;
};

}  // namespace descent::ops

#endif  // SERVER_OPS_TRANSPORT_THREADS_H_
