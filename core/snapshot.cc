#include "core/snapshot.h"

#include <utility>

#include "core/check.h"

namespace descent {

struct Snapshot::Entry {
  Buffer parameters;
  std::int64_t step = 0;
  std::int64_t tables_version = -1;
  std::shared_ptr<const InputStatistics> statistics;
  std::atomic<int> references{0};
  // Set while the entry is held: keeps the pool's shared part alive behind the last handle.
  std::shared_ptr<SnapshotPool::Shared> home;
};

struct SnapshotPool::Shared {
  Shared(DataType element_type, std::int64_t elements) : type(element_type), size(elements) {}

  const DataType type;
  const std::int64_t size;
  absl::Mutex mutex;
  std::vector<std::unique_ptr<Snapshot::Entry>> entries ABSL_GUARDED_BY(mutex);
  std::vector<Snapshot::Entry*> free ABSL_GUARDED_BY(mutex);
};

Snapshot::Snapshot(const Snapshot& other) : entry_(other.entry_) {
  if (entry_ != nullptr) entry_->references.fetch_add(1, std::memory_order_relaxed);
}

Snapshot::Snapshot(Snapshot&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}

Snapshot& Snapshot::operator=(Snapshot other) noexcept {
  std::swap(entry_, other.entry_);
  return *this;
}

Snapshot::~Snapshot() {
  if (entry_ == nullptr) return;
  if (entry_->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  // The last handle: no one reads the entry any more. The pool may have gone already.
  entry_->statistics.reset();
  const std::shared_ptr<SnapshotPool::Shared> home = std::move(entry_->home);
  const absl::MutexLock lock(&home->mutex);
  home->free.push_back(entry_);
}

const Buffer& Snapshot::parameters() const {
  DESCENT_CHECK(entry_ != nullptr);
  return entry_->parameters;
}

std::int64_t Snapshot::step() const {
  DESCENT_CHECK(entry_ != nullptr);
  return entry_->step;
}

const std::shared_ptr<const InputStatistics>& Snapshot::statistics() const {
  DESCENT_CHECK(entry_ != nullptr);
  return entry_->statistics;
}

SnapshotPool::SnapshotPool(DataType type, std::int64_t size)
    : shared_(std::make_shared<Shared>(type, size)) {}

Snapshot SnapshotPool::Acquire(std::int64_t step) {
  Snapshot::Entry* entry = nullptr;
  {
    const absl::MutexLock lock(&shared_->mutex);
    if (shared_->free.empty()) {
      shared_->entries.push_back(std::make_unique<Snapshot::Entry>());
      shared_->free.reserve(shared_->entries.size());
      shared_->free.push_back(shared_->entries.back().get());
      shared_->free.back()->parameters.Resize(shared_->type, shared_->size);
    }
    entry = shared_->free.back();
    shared_->free.pop_back();
  }
  entry->home = shared_;
  entry->step = step;
  entry->references.store(1, std::memory_order_relaxed);
  return Snapshot(entry);
}

Buffer* SnapshotPool::mutable_parameters(const Snapshot& snapshot) {
  DESCENT_CHECK(snapshot.entry_ != nullptr);
  DESCENT_CHECK(snapshot.entry_->references.load(std::memory_order_relaxed) == 1);
  return &snapshot.entry_->parameters;
}

std::int64_t* SnapshotPool::tables_version(const Snapshot& snapshot) {
  DESCENT_CHECK(snapshot.entry_ != nullptr);
  DESCENT_CHECK(snapshot.entry_->references.load(std::memory_order_relaxed) == 1);
  return &snapshot.entry_->tables_version;
}

void SnapshotPool::SetStatistics(const Snapshot& snapshot,
                                 std::shared_ptr<const InputStatistics> statistics) {
  DESCENT_CHECK(snapshot.entry_ != nullptr);
  DESCENT_CHECK(snapshot.entry_->references.load(std::memory_order_relaxed) == 1);
  snapshot.entry_->statistics = std::move(statistics);
}

std::int64_t SnapshotPool::free_buffers() const {
  const absl::MutexLock lock(&shared_->mutex);
  return static_cast<std::int64_t>(shared_->free.size());
}

void SnapshotPool::TrimTo(std::int64_t most) {
  const absl::MutexLock lock(&shared_->mutex);
  while (static_cast<std::int64_t>(shared_->entries.size()) > most && !shared_->free.empty()) {
    const Snapshot::Entry* const unused = shared_->free.back();
    shared_->free.pop_back();
    std::erase_if(shared_->entries, [&](const auto& entry) { return entry.get() == unused; });
  }
}

std::int64_t SnapshotPool::buffers() const {
  const absl::MutexLock lock(&shared_->mutex);
  return static_cast<std::int64_t>(shared_->entries.size());
}

}  // namespace descent
