#include "server/models/workspace_pool.h"

#include <utility>

namespace descent::models {

std::size_t ReadWorkspace::byte_size() const {
  return network.byte_size() + merged_inputs.buffer().capacity() + gradients.capacity() +
         norm_scratch.capacity() * sizeof(double);
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
  return std::make_unique<ReadWorkspace>();
}

void WorkspacePool::Return(std::unique_ptr<ReadWorkspace> workspace) {
  if (workspace->byte_size() > kept_bytes_) return;
  const absl::MutexLock lock(&mutex_);
  free_.push_back(std::move(workspace));
}

}  // namespace descent::models
