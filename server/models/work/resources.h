// What all models of a registry share.

#ifndef SERVER_MODELS_WORK_RESOURCES_H_
#define SERVER_MODELS_WORK_RESOURCES_H_

#include <memory>

#include "absl/status/statusor.h"
#include "core/thread_pool.h"
#include "server/models/options.h"
#include "server/models/work/cost.h"
#include "server/models/work/executor.h"
#include "server/models/work/giving_way.h"
#include "server/models/work/memory_budget.h"
#include "server/models/work/work_quota.h"
#include "server/models/work/workspace_pool.h"

namespace descent::models {

// Thread-safe. Outlives every model.
struct Resources {
  explicit Resources(const ModelsOptions& models_options);

  WorkQuota::Limits UpdatesPerModel() const {
    return {options.max_updates_per_model, options.max_bytes_per_model, options.retry_after};
  }
  WorkQuota::Limits ReadsPerModel() const {
    return {options.max_reads_per_model, options.max_bytes_per_model, options.retry_after,
            options.longest_read_wait};
  }

  MemoryCharge ForAnswers() const { return memory->Count(MemoryPurpose::kAnswers, 0); }

  bool IsSmall(MultiplyAdds cost) const {
    return cost <= static_cast<double>(options.inline_multiply_adds);
  }

  // Counts what an outcome takes until it is encoded. Small ones are not counted: there are no more
  // of them at once than threads.
  absl::StatusOr<MemoryCharge> CountOutcome(std::size_t bytes) {
    constexpr std::size_t kSmall = 16 << 10;
    if (bytes <= kSmall) return MemoryCharge();
    return memory->Reserve(MemoryPurpose::kUnsent, bytes);
  }

  const ModelsOptions options;
  GivingWay giving_way;    // of updates to reads
  ThreadPool compute;      // the threads of both
  ThreadPool pool;         // of reads
  ThreadPool update_pool;  // of updates
  const std::shared_ptr<MemoryBudget> memory;
  WorkspacePool workspaces;
  const std::shared_ptr<WorkQuota> work;  // the root: everything that is held
  // Updates and reads have threads of their own, so a prediction never waits for training. Between
  // pieces of long work they do short work that waits. Last: they end before what their tasks use.
  Executor writers;
  Executor readers;
};

inline Resources::Resources(const ModelsOptions& models_options)
    : options(models_options),
      compute(options.threads),
      pool(compute, [this] { readers.GiveWay(); }),
      update_pool(compute,
                  [this] {
                    giving_way.OfferCore();
                    writers.GiveWay();
                  }),
      memory(MemoryBudget::Create(options.memory_budget_bytes)),
      workspaces(options.kept_workspace_bytes, memory),
      work(WorkQuota::Create("the server",
                             {options.max_items, options.max_bytes, options.retry_after},
                             /*parent=*/nullptr, memory)),
      writers("update", options.threads, options.relief),
      readers("read", options.threads, options.relief) {}

}  // namespace descent::models

#endif  // SERVER_MODELS_WORK_RESOURCES_H_
