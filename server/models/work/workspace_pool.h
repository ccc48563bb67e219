// Workspaces that readers share, so that a warm prediction allocates no intermediate values and an
// idle model holds none.

#ifndef SERVER_MODELS_WORK_WORKSPACE_POOL_H_
#define SERVER_MODELS_WORK_WORKSPACE_POOL_H_

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "core/buffer.h"
#include "core/network.h"
#include "server/models/work/memory_budget.h"

namespace descent::models {

// What one read computes in.
struct ReadWorkspace {
  Workspace network;
  Matrix merged_inputs;  // of several predictions
  Buffer gradients;
  std::vector<double> norm_scratch;
  MemoryCharge memory;

  std::size_t byte_size() const;
};

// Thread-safe. Holds as many workspaces as were in use at once, all of them counted.
class WorkspacePool {
 public:
  // Workspaces that grew beyond `kept_bytes` are freed when they come back.
  WorkspacePool(std::size_t kept_bytes, std::shared_ptr<MemoryBudget> budget)
      : kept_bytes_(kept_bytes), budget_(std::move(budget)) {}

  // A workspace that goes back to the pool, which must outlive it.
  class Lease {
   public:
    explicit Lease(WorkspacePool* pool) : pool_(pool), workspace_(pool->Take()) {}
    ~Lease() { pool_->Return(std::move(workspace_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    // To be called before `bytes` are computed in: RESOURCE_EXHAUSTED (MEMORY_BUDGET) when the
    // budget has no room for them even without the workspaces that nobody uses.
    absl::Status Reserve(double bytes);

    ReadWorkspace* get() const { return workspace_.get(); }
    ReadWorkspace* operator->() const { return workspace_.get(); }

   private:
    WorkspacePool* const pool_;
    std::unique_ptr<ReadWorkspace> workspace_;
  };

 private:
  std::unique_ptr<ReadWorkspace> Take();
  void Return(std::unique_ptr<ReadWorkspace> workspace);
  void FreeUnused();

  const std::size_t kept_bytes_;
  const std::shared_ptr<MemoryBudget> budget_;
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<ReadWorkspace>> free_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::models

#endif  // SERVER_MODELS_WORK_WORKSPACE_POOL_H_
