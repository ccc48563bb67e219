// Backups that are being made or read. Each is a file as large as the store, so there are few at
// once, and none that nobody reads.

#ifndef SERVER_MODELS_REGISTRY_OPEN_BACKUPS_H_
#define SERVER_MODELS_REGISTRY_OPEN_BACKUPS_H_

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/models/backup_reading.h"
#include "server/models/work/executor.h"
#include "server/store/store.h"

namespace descent::models {

// Thread-safe.
class OpenBackups {
 public:
  // At most so many at once. Read on `readers`, which must outlive every backup.
  OpenBackups(int most, Executor* readers);
  ~OpenBackups();

  // Held while a backup is being made and until it is closed.
  using Place = std::shared_ptr<const void>;

  // A place; when all are taken, that of the backup that was not read for longest, if that is some
  // seconds. RESOURCE_EXHAUSTED (TOO_MANY_BACKUPS), with a delay.
  absl::StatusOr<Place> TakePlace(absl::Time now);

  // The backup that has been made, to be read. Once closed it answers ABORTED (BACKUP_UNREAD).
  std::shared_ptr<BackupReading> Open(std::unique_ptr<store::Backup> backup, Place place);

  // Closes those that were not read for a minute.
  void CloseUnread(absl::Time now);

 private:
  class Reading;

  // Closes the one that was not read for longest, if for so long.
  bool CloseOne(absl::Time now, absl::Duration unread) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int most_;
  Executor* const readers_;
  absl::Mutex mutex_;
  // The places that are taken are the other owners of it.
  const std::shared_ptr<const int> places_;
  std::vector<std::weak_ptr<Reading>> open_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::models

#endif  // SERVER_MODELS_REGISTRY_OPEN_BACKUPS_H_
