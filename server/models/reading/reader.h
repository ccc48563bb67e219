// The reading half of a model: every read takes the published snapshot when its turn comes, on a
// reader thread or, if it is small, on the caller's.

#ifndef SERVER_MODELS_READING_READER_H_
#define SERVER_MODELS_READING_READER_H_

#include <memory>
#include <vector>

#include "server/models/evaluation.h"
#include "server/models/reading/answer_size.h"
#include "server/models/reading/prediction_batcher.h"
#include "server/models/state/publication.h"
#include "server/models/work/call.h"
#include "server/models/work/resources.h"

namespace descent::models {

// Thread-safe. Outcomes and errors: see Model.
class Reader {
 public:
  Reader(Resources* resources, std::shared_ptr<const Publication> publication);

  void Predict(PredictCommand command, CallContext context, Reply<PredictOutcome> reply);
  void Forward(ForwardCommand command, CallContext context, Reply<ForwardOutcome> reply);
  void Gradient(GradientCommand command, CallContext context, Reply<GradientOutcome> reply);
  void GetParameters(std::vector<int> parameters, CallContext context,
                     Reply<GetParametersOutcome> reply);
  std::shared_ptr<Evaluation> BeginEvaluation();

  // What the model's reads hold.
  const WorkQuota& held() const { return *quota_; }

 private:
  // What a read takes, known before it is computed.
  struct Needs {
    std::int64_t rows = 0;
    std::size_t command_bytes = 0;
    AnswerSize answer;
    double workspace_bytes = 0;
    MultiplyAdds cost = 0;
  };

  // Takes a place for a call, or answers it with the error and returns false.
  template <typename Outcome>
  bool Admit(Call<Outcome>* call, const Needs& needs);

  // Admits the call and runs `compute`, Outcome(const Snapshot&, ReadWorkspace*), in its place.
  template <typename Outcome, typename Compute>
  void Read(Call<Outcome> call, const Needs& needs, Compute compute);

  const Network& network() const { return *publication_->network(); }

  Resources* const resources_;
  const std::shared_ptr<const Publication> publication_;
  const std::shared_ptr<WorkQuota> quota_;
  const std::shared_ptr<PredictionBatcher> batcher_;
};

}  // namespace descent::models

#endif  // SERVER_MODELS_READING_READER_H_
