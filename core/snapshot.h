// Parameters that readers share with training.

#ifndef CORE_SNAPSHOT_H_
#define CORE_SNAPSHOT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/buffer.h"
#include "core/input_statistics.h"

namespace descent {

class SnapshotPool;

// A handle to the parameters of one step, and the statistics that go with them, neither of which
// ever change while a handle is held. Copying it counts a reference and nothing else. Thread-safe
// as a shared_ptr is.
class Snapshot {
 public:
  Snapshot() = default;
  Snapshot(const Snapshot& other);
  Snapshot(Snapshot&& other) noexcept;
  Snapshot& operator=(Snapshot other) noexcept;
  ~Snapshot();

  explicit operator bool() const { return entry_ != nullptr; }
  const Buffer& parameters() const;
  std::int64_t step() const;
  // Of networks that normalise their inputs; null for others.
  const std::shared_ptr<const InputStatistics>& statistics() const;

 private:
  friend class SnapshotPool;
  struct Entry;
  explicit Snapshot(Entry* entry) : entry_(entry) {}
  Entry* entry_ = nullptr;
};

// Recycles the buffers of snapshots: the optimizer writes the next parameters into a buffer that no
// reader holds any more, so publishing costs no copy and, once warm, no allocation.
class SnapshotPool {
 public:
  SnapshotPool(DataType type, std::int64_t size);

  // A snapshot that nobody else holds, with zero padding and unspecified elements; its owner fills
  // mutable_parameters() before sharing it.
  Snapshot Acquire(std::int64_t step);
  static Buffer* mutable_parameters(const Snapshot& snapshot);
  // Like mutable_parameters(), before the snapshot is shared. May be null.
  static void SetStatistics(const Snapshot& snapshot,
                            std::shared_ptr<const InputStatistics> statistics);

  // Which version of its tables a snapshot's buffer holds, as whoever fills it counts them: kept
  // with the buffer, -1 in a new one. Like mutable_parameters(), before the snapshot is shared.
  static std::int64_t* tables_version(const Snapshot& snapshot);

  // Buffers allocated, whether held or free, and those that are free.
  std::int64_t buffers() const;
  std::int64_t free_buffers() const;

  // Frees buffers that nobody holds, down to `most` of all.
  void TrimTo(std::int64_t most);

 private:
  friend class Snapshot;
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace descent

#endif  // CORE_SNAPSHOT_H_
