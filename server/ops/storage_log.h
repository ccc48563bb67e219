// Lines of the log about whether changes can be kept.

#ifndef SERVER_OPS_STORAGE_LOG_H_
#define SERVER_OPS_STORAGE_LOG_H_

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace descent::ops {

// Logs each change once: that the disk is full, that it has room again, that the storage has failed
// for good. Thread-safe.
class StorageLog {
 public:
  // `status`: as Store::status says it.
  void OnStatus(const absl::Status& status);

 private:
  absl::Mutex mutex_;
  absl::Status last_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::ops

#endif  // SERVER_OPS_STORAGE_LOG_H_
