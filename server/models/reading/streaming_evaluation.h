// The evaluation that a model's readers run.

#ifndef SERVER_MODELS_READING_STREAMING_EVALUATION_H_
#define SERVER_MODELS_READING_STREAMING_EVALUATION_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "core/metrics.h"
#include "core/snapshot.h"
#include "server/models/evaluation.h"
#include "server/models/state/publication.h"
#include "server/models/work/call.h"
#include "server/models/work/lane.h"
#include "server/models/work/resources.h"

namespace descent::models {

class StreamingEvaluation final : public Evaluation,
                                  public std::enable_shared_from_this<StreamingEvaluation> {
 public:
  StreamingEvaluation(Resources* resources, std::shared_ptr<const Publication> publication,
                      std::shared_ptr<WorkQuota> quota);

  void Add(Batch batch, CallContext context, Reply<std::int64_t> reply) override;
  void Finish(CallContext context, Reply<EvaluateOutcome> reply) override;

 private:
  template <typename Outcome, typename Work>
  void Queue(Call<Outcome> call, std::size_t bytes, MultiplyAdds cost, Work work);

  absl::StatusOr<std::int64_t> AddNow(const Batch& batch);
  absl::StatusOr<EvaluateOutcome> FinishNow();

  Resources* const resources_;
  const std::shared_ptr<const Publication> publication_;
  const std::shared_ptr<WorkQuota> quota_;
  Lane lane_;
  std::int64_t rows_given_ = 0;  // used by Add and Finish alone

  // Used by the lane's tasks alone.
  absl::Status status_;
  Snapshot snapshot_;
  MetricsAccumulator metrics_;
  MemoryCharge memory_;
  std::int64_t most_rows_ = 0;  // of a batch so far
};

}  // namespace descent::models

#endif  // SERVER_MODELS_READING_STREAMING_EVALUATION_H_
