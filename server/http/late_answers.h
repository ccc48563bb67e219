// Requests of a port whose answers come later, from threads that are not the port's and may outlive
// it.

#ifndef SERVER_HTTP_LATE_ANSWERS_H_
#define SERVER_HTTP_LATE_ANSWERS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/http/route.h"

namespace descent::http {

// Thread-safe.
class LateAnswers : public std::enable_shared_from_this<LateAnswers> {
 public:
  explicit LateAnswers(std::size_t most) : most_(most) {}

  // Whether there is room for one more.
  bool MayAwait() const;

  // Keeps `deliver`, and what it holds, until the answer has come, which it is handed, or until
  // Close. It is called with a lock held.
  Later Await(std::function<void(Later::Make)> deliver);

  // Nothing is delivered from now on.
  void Close();

 private:
  void Deliver(std::uint64_t id, Later::Make make);

  const std::size_t most_;
  mutable absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::uint64_t last_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unordered_map<std::uint64_t, std::function<void(Later::Make)>> awaited_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::http

#endif  // SERVER_HTTP_LATE_ANSWERS_H_
