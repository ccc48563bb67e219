#include "server/models/reading/streaming_evaluation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/exceptions.h"
#include "core/status_macros.h"
#include "server/models/reading/finite_answers.h"
#include "server/models/reading/passes.h"

namespace descent::models {

StreamingEvaluation::StreamingEvaluation(Resources* resources,
                                         std::shared_ptr<const Publication> publication,
                                         std::shared_ptr<WorkQuota> quota)
    : resources_(resources),
      publication_(std::move(publication)),
      quota_(std::move(quota)),
      lane_(&resources->readers, publication_.get()),
      metrics_(publication_->network()),
      memory_(resources->memory->Count(MemoryPurpose::kEvaluations,
                                       sizeof *this + metrics_.BytesFor(0, 0))) {}

template <typename Outcome, typename Work>
void StreamingEvaluation::Queue(Call<Outcome> call, std::size_t bytes, MultiplyAdds cost,
                                Work work) {
  if (!call.Admit(quota_.get(), bytes)) return;
  Task task = [self = shared_from_this(), call = std::move(call),
               work = std::move(work)]() mutable {
    // The first error stays: what came after it would be missing from the outcome.
    if (self->status_.ok()) self->status_ = self->publication_->ReadStatus();
    if (self->status_.ok()) self->status_ = call.CheckStillWanted();
    if (!self->status_.ok()) {
      std::move(call).Answer(self->status_);
      return;
    }
    absl::StatusOr<Outcome> outcome = CatchExceptions([&] { return work(self.get()); });
    self->status_ = outcome.status();
    std::move(call).Answer(std::move(outcome));
  };
  if (resources_->IsSmall(cost)) {
    lane_.RunOrPost(std::move(task), cost);
  } else {
    lane_.Post(std::move(task), cost);
  }
}

void StreamingEvaluation::Add(Batch batch, CallContext context, Reply<std::int64_t> reply) {
  const std::size_t bytes = ByteSize(batch);
  rows_given_ += batch.rows();
  const Network& network = *publication_->network();
  const MultiplyAdds cost =
      ForwardCost(network, batch.rows()) + TablesCost(network, batch.categories);
  Queue(Call<std::int64_t>(std::move(context), std::move(reply)), bytes, cost,
        [batch = std::move(batch)](StreamingEvaluation* self) { return self->AddNow(batch); });
}

void StreamingEvaluation::Finish(CallContext context, Reply<EvaluateOutcome> reply) {
  // What is left to do is sorting the rows, where there are scores to sort.
  constexpr MultiplyAdds kSortingOfARow = 4096;
  Queue(Call<EvaluateOutcome>(std::move(context), std::move(reply)), /*bytes=*/0,
        static_cast<MultiplyAdds>(resources_->options.inline_multiply_adds) + 1 +
            static_cast<double>(rows_given_) * kSortingOfARow,
        [](StreamingEvaluation* self) { return self->FinishNow(); });
}

absl::StatusOr<std::int64_t> StreamingEvaluation::AddNow(const Batch& batch) {
  const Network& network = *publication_->network();
  RETURN_IF_ERROR(CheckPassSize(network, batch.rows(), resources_->options.max_pass_bytes));
  if (batch.rows() > resources_->options.max_evaluation_rows - metrics_.rows()) {
    return EvaluationTooLarge(resources_->options.max_evaluation_rows);
  }
  most_rows_ = std::max(most_rows_, batch.rows());
  RETURN_IF_ERROR(memory_.TryRaise(sizeof *this +
                                   metrics_.BytesFor(metrics_.rows() + batch.rows(), most_rows_)));
  WorkspacePool::Lease workspace(&resources_->workspaces);
  RETURN_IF_ERROR(workspace.Reserve(PassBytes(network, batch.rows(), /*matrices=*/2)));
  if (!snapshot_) snapshot_ = publication_->snapshot();
  network.Forward(snapshot_.parameters(), batch.inputs,
                  {.pool = &resources_->pool,
                   .statistics = snapshot_.statistics().get(),
                   .categories = &batch.categories},
                  &workspace->network);
  const std::int64_t rows_before = metrics_.rows();
  const Matrix& losses = metrics_.Add(workspace->network.outputs(), batch.targets, batch.weights);
  if (absl::Status status = CheckFiniteLosses(losses, batch.weights); !status.ok()) {
    return WithMetadata(std::move(status), "rows_before", absl::StrCat(rows_before));
  }
  return metrics_.rows();
}

absl::StatusOr<EvaluateOutcome> StreamingEvaluation::FinishNow() {
  if (metrics_.rows() == 0) return InvalidField("batch", "expected at least one batch, got none");
  MetricsSummary summary = metrics_.Finish();
  RETURN_IF_ERROR(CheckFiniteMetrics(summary.loss, summary.metrics));
  const std::int64_t step = snapshot_.step();
  snapshot_ = Snapshot();
  return EvaluateOutcome{.step = step,
                         .rows = summary.rows,
                         .loss = summary.loss,
                         .metrics = std::move(summary.metrics)};
}

}  // namespace descent::models
