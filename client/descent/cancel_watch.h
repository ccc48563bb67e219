// Cancelling a call when its caller says so.

#ifndef CLIENT_DESCENT_CANCEL_WATCH_H_
#define CLIENT_DESCENT_CANCEL_WATCH_H_

#include <grpcpp/client_context.h>

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "clock/steady.h"

namespace descent::client {

// Cancels a call when `cancelled` says so, asked several times a second as long as this
// exists. Null: never.
class CancelWatch {
 public:
  CancelWatch(const std::function<bool()>& cancelled, grpc::ClientContext* context) {
    if (!cancelled) return;
    thread_ = std::thread([this, &cancelled, context] {
      while (!Ended()) {
        if (cancelled()) context->TryCancel();
        AwaitEnd(SteadyNow() + kInterval);
      }
    });
  }
  ~CancelWatch() {
    {
      absl::MutexLock lock(&mutex_);
      over_ = true;
      ended_.SignalAll();
    }
    if (thread_.joinable()) thread_.join();
  }
  CancelWatch(const CancelWatch&) = delete;
  CancelWatch& operator=(const CancelWatch&) = delete;

 private:
  static constexpr absl::Duration kInterval = absl::Milliseconds(100);

  bool Ended() {
    absl::MutexLock lock(&mutex_);
    return over_;
  }
  void AwaitEnd(absl::Time deadline) {
    absl::MutexLock lock(&mutex_);
    while (!over_ && !ended_.WaitUntil(&mutex_, deadline)) {
    }
  }

  absl::Mutex mutex_;
  SteadyCondVar ended_;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace descent::client

#endif  // CLIENT_DESCENT_CANCEL_WATCH_H_
