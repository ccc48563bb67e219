// What reads compute, given the parameters: plain functions of a network, a snapshot and a command.
// What would not be finite is refused, see finite_answers.h; the commands of one product each for
// itself.

#ifndef SERVER_MODELS_READING_PASSES_H_
#define SERVER_MODELS_READING_PASSES_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/network.h"
#include "core/snapshot.h"
#include "core/thread_pool.h"
#include "server/models/commands.h"
#include "server/models/work/workspace_pool.h"

namespace descent::models {

// Predictions of several commands in one product. Each outcome has the bits that its command alone
// would give.
std::vector<absl::StatusOr<PredictOutcome>> RunPredict(
    const Network& network, const Snapshot& snapshot,
    absl::Span<const PredictCommand* const> commands, ThreadPool* pool, ReadWorkspace* workspace);

absl::StatusOr<PredictOutcome> RunPredict(const Network& network, const Snapshot& snapshot,
                                          const PredictCommand& command, ThreadPool* pool,
                                          ReadWorkspace* workspace);

absl::StatusOr<ForwardOutcome> RunForward(const Network& network, const Snapshot& snapshot,
                                          const ForwardCommand& command, ThreadPool* pool,
                                          ReadWorkspace* workspace);

absl::StatusOr<GradientOutcome> RunGradient(const Network& network, const Snapshot& snapshot,
                                            const GradientCommand& command, ThreadPool* pool,
                                            ReadWorkspace* workspace);

// parameters: empty for all.
GetParametersOutcome RunGetParameters(const Network& network, const Snapshot& snapshot,
                                      std::vector<int> parameters);

}  // namespace descent::models

#endif  // SERVER_MODELS_READING_PASSES_H_
