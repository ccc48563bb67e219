#include "server/models/work/workspace_pool.h"

#include <utility>

namespace descent::models {

std::size_t ReadWorkspace::byte_size() const {
  return sizeof(ReadWorkspace) + network.byte_size() + merged_inputs.buffer().capacity() +
         gradients.capacity() + norm_scratch.capacity() * sizeof(double);
}

std::unique_ptr<ReadWorkspace> WorkspacePool::Take() {
  {
    const absl::MutexLock lock(&mutex_);
    if (!free_.empty()) {
      // The one that was used last: its memory is likeliest in the cache.
      std::unique_ptr<ReadWorkspace> workspace = std::move(free_.back());
      free_.pop_back();
      return workspace;
    }
  }
  auto workspace = std::make_unique<ReadWorkspace>();
  workspace->memory = budget_->Count(MemoryPurpose::kWorkspaces, sizeof(ReadWorkspace));
  return workspace;
}

absl::Status WorkspacePool::Lease::Reserve(double bytes) {
  const auto needed = static_cast<std::size_t>(bytes);
  if (needed <= workspace_->memory.bytes()) return absl::OkStatus();
  if (workspace_->memory.TryRaise(needed).ok()) return absl::OkStatus();
  pool_->FreeUnused();
  return workspace_->memory.TryRaise(needed);
}

void WorkspacePool::FreeUnused() {
  std::vector<std::unique_ptr<ReadWorkspace>> unused;
  const absl::MutexLock lock(&mutex_);
  unused.swap(free_);
}

void WorkspacePool::Return(std::unique_ptr<ReadWorkspace> workspace) {
  const std::size_t bytes = workspace->byte_size();
  if (bytes > kept_bytes_) return;
  workspace->memory.Raise(bytes);
  workspace->memory.LowerTo(bytes);
  const absl::MutexLock lock(&mutex_);
  free_.push_back(std::move(workspace));
}

}  // namespace descent::models
