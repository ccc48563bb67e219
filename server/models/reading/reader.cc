#include "server/models/reading/reader.h"

#include <utility>

#include "core/exceptions.h"
#include "core/status_macros.h"
#include "server/models/reading/passes.h"
#include "server/models/reading/streaming_evaluation.h"

namespace descent::models {
namespace {

// A prediction that comes alone is computed in place if it is at most so many times as large as
// other work: handing it over would save nothing by merging, and takes some 30 microseconds.
constexpr MultiplyAdds kLargerIfAlone = 4;

// Computes and answers, unless the model has gone, the caller waits no longer or there is no memory
// to compute in.
template <typename Outcome, typename Compute>
void RunRead(Resources* resources, const Publication& publication, Call<Outcome> call,
             double workspace_bytes, std::size_t outcome_bytes, Compute& compute) {
  absl::Status status = publication.ReadStatus();
  if (status.ok()) status = call.CheckStillWanted();
  if (!status.ok()) {
    std::move(call).Answer(std::move(status));
    return;
  }
  MemoryCharge unsent;
  absl::StatusOr<Outcome> outcome = CatchExceptions([&]() -> absl::StatusOr<Outcome> {
    WorkspacePool::Lease workspace(&resources->workspaces);
    RETURN_IF_ERROR(workspace.Reserve(workspace_bytes));
    ASSIGN_OR_RETURN(unsent, resources->CountOutcome(outcome_bytes));
    return compute(publication.snapshot(), workspace.get());
  });
  status = call.CheckStillWanted();
  if (!status.ok()) outcome = std::move(status);
  std::move(call).Answer(std::move(outcome));
}

}  // namespace

Reader::Reader(Resources* resources, std::shared_ptr<const Publication> publication)
    : resources_(resources),
      publication_(std::move(publication)),
      quota_(WorkQuota::Create("the model's reads", resources->ReadsPerModel(), resources->work)),
      batcher_(std::make_shared<PredictionBatcher>(resources, publication_)) {}

template <typename Outcome>
bool Reader::Admit(Call<Outcome>* call, const Needs& needs) {
  resources_->giving_way.NoteRead();
  absl::Status status = CheckPassSize(network(), needs.rows, resources_->options.max_pass_bytes);
  if (status.ok()) status = CheckAnswerSize(needs.answer, resources_->options.max_answer_bytes);
  if (status.ok()) return call->Admit(quota_.get(), needs.command_bytes);
  std::move(*call).Answer(std::move(status));
  return false;
}

template <typename Outcome, typename Compute>
void Reader::Read(Call<Outcome> call, const Needs& needs, Compute compute) {
  if (!Admit(&call, needs)) return;
  const std::size_t outcome_bytes = OutcomeBytes(network(), needs.answer);
  if (resources_->IsSmall(needs.cost)) {
    RunRead(resources_, *publication_, std::move(call), needs.workspace_bytes, outcome_bytes,
            compute);
    return;
  }
  const Claim claim{.owner = publication_.get(), .cost = needs.cost, .caller = call.caller()};
  resources_->readers.Post(
      [resources = resources_, publication = publication_, call = std::move(call),
       workspace_bytes = needs.workspace_bytes, outcome_bytes,
       compute = std::move(compute)]() mutable {
        RunRead(resources, *publication, std::move(call), workspace_bytes, outcome_bytes, compute);
      },
      claim);
}

void Reader::Predict(PredictCommand command, CallContext context, Reply<PredictOutcome> reply) {
  const std::int64_t rows = command.inputs.rows();
  const Needs needs{
      .rows = rows,
      .command_bytes = ByteSize(command),
      .answer = PredictAnswerSize(network(), rows),
      .workspace_bytes = PassBytes(network(), rows, /*matrices=*/2),
      .cost = ForwardCost(network(), rows) + TablesCost(network(), command.categories)};
  Call<PredictOutcome> call(std::move(context), std::move(reply));
  if (!Admit(&call, needs)) return;
  const bool in_place =
      resources_->IsSmall(needs.cost) ||
      (batcher_->NoteArrival() && resources_->IsSmall(needs.cost / kLargerIfAlone));
  if (!in_place) {
    batcher_->Add(std::move(command), std::move(call));
    return;
  }
  auto compute = [&](const Snapshot& snapshot, ReadWorkspace* workspace) {
    absl::StatusOr<PredictOutcome> outcome =
        RunPredict(network(), snapshot, command, /*pool=*/nullptr, workspace);
    if (outcome.ok()) CountPrediction(rows, &publication_->counters());
    return outcome;
  };
  RunRead(resources_, *publication_, std::move(call), needs.workspace_bytes,
          OutcomeBytes(network(), needs.answer), compute);
}

void Reader::Forward(ForwardCommand command, CallContext context, Reply<ForwardOutcome> reply) {
  const std::int64_t rows = command.inputs.rows();
  const Needs needs{
      .rows = rows,
      .command_bytes = ByteSize(command),
      .answer = ForwardAnswerSize(network(), rows),
      .workspace_bytes = PassBytes(network(), rows, /*matrices=*/2),
      .cost = ForwardCost(network(), rows) + TablesCost(network(), command.categories)};
  Read(Call<ForwardOutcome>(std::move(context), std::move(reply)), needs,
       [network = publication_->network(), pool = &resources_->pool, command = std::move(command)](
           const Snapshot& snapshot, ReadWorkspace* workspace) {
         return RunForward(*network, snapshot, command, pool, workspace);
       });
}

void Reader::Gradient(GradientCommand command, CallContext context, Reply<GradientOutcome> reply) {
  const std::int64_t rows = command.inputs.rows();
  const double gradients = static_cast<double>(network().layout().dense_size()) *
                               static_cast<double>(ByteWidth(network().data_type())) +
                           TableGradientBytes(network(), command.categories, /*slots=*/0);
  const Needs needs{.rows = rows,
                    .command_bytes = ByteSize(command),
                    .answer = GradientAnswerSize(network(), command),
                    .workspace_bytes = PassBytes(network(), rows, /*matrices=*/3) + gradients,
                    .cost = GradientCost(network(), rows) + UpdateCost(network()) +
                            3 * TablesCost(network(), command.categories)};
  Read(Call<GradientOutcome>(std::move(context), std::move(reply)), needs,
       [network = publication_->network(), pool = &resources_->pool, command = std::move(command)](
           const Snapshot& snapshot, ReadWorkspace* workspace) {
         return RunGradient(*network, snapshot, command, pool, workspace);
       });
}

void Reader::GetParameters(std::vector<int> parameters, CallContext context,
                           Reply<GetParametersOutcome> reply) {
  Needs needs;
  needs.answer = ParametersAnswerSize(network(), parameters);
  needs.cost = needs.answer.numbers;
  Read(Call<GetParametersOutcome>(std::move(context), std::move(reply)), needs,
       [network = publication_->network(), parameters = std::move(parameters)](
           const Snapshot& snapshot, ReadWorkspace* /*workspace*/) mutable {
         return RunGetParameters(*network, snapshot, std::move(parameters));
       });
}

std::shared_ptr<Evaluation> Reader::BeginEvaluation() {
  return std::make_shared<StreamingEvaluation>(resources_, publication_, quota_);
}

}  // namespace descent::models
