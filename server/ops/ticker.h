// A thread that does something small again and again.

#ifndef SERVER_OPS_TICKER_H_
#define SERVER_OPS_TICKER_H_

#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "clock/steady.h"

namespace descent::ops {

class Ticker {
 public:
  // Calls `tick` every `interval`. `name` is the thread's, a literal of at most 15 characters.
  Ticker(const char* name, absl::Duration interval, absl::AnyInvocable<void()> tick);
  // Waits for a call that is under way.
  ~Ticker();
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

 private:
  absl::Mutex mutex_;
  SteadyCondVar stop_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace descent::ops

#endif  // SERVER_OPS_TICKER_H_
