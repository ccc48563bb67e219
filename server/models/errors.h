// The refusals of the models, each with its reason and facts.

#ifndef SERVER_MODELS_ERRORS_H_
#define SERVER_MODELS_ERRORS_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/models/commands.h"

namespace descent::models {

// NOT_FOUND, MODEL_NOT_FOUND.
absl::Status ModelNotFound(std::string_view name);
// ALREADY_EXISTS, MODEL_EXISTS.
absl::Status ModelExists(std::string_view name);
// ALREADY_EXISTS, REQUEST_ID_REUSED.
absl::Status RequestIdReused(std::string_view request_id);
// ABORTED, STEP_MISMATCH.
absl::Status StepMismatch(std::int64_t expected_step, std::int64_t actual_step);
// ABORTED, STALE_GRADIENTS.
absl::Status StaleGradients(std::int64_t base_step, std::int64_t max_staleness,
                            std::int64_t actual_step);
// ABORTED, SESSION_TAKEN_OVER.
absl::Status SessionTakenOver(std::string_view session_id);
// OUT_OF_RANGE, SEQUENCE_GAP.
absl::Status SequenceGap(std::int64_t expected_sequence, std::int64_t actual_sequence);
// The error of one batch of a training session, naming it.
absl::Status AtSequence(const absl::Status& status, std::int64_t sequence);
// RESOURCE_EXHAUSTED, TOO_MANY_SESSIONS; with advice to call again, for streams come to an end.
absl::Status TooManySessions(std::size_t limit);
// RESOURCE_EXHAUSTED, TOO_MANY_MODELS.
absl::Status TooManyModels(std::size_t limit);
// ABORTED, SESSION_FORGOTTEN.
absl::Status SessionForgotten(std::string_view session_id);
// RESOURCE_EXHAUSTED, QUEUE_FULL. `what`: "items" or "bytes".
absl::Status QueueFull(std::string_view queue, std::string_view what, std::uint64_t limit,
                       absl::Duration retry_after);
// RESOURCE_EXHAUSTED, MEMORY_BUDGET. `purpose`: see MemoryPurposeName. `passes`: what is in the way
// goes by itself, so there is advice to call again.
absl::Status OverMemoryBudget(std::string_view purpose, std::size_t wanted, std::size_t used,
                              std::size_t budget, bool passes);
// RESOURCE_EXHAUSTED, BATCH_TOO_LARGE.
absl::Status BatchTooLarge(std::int64_t rows, double bytes, std::size_t limit);
// RESOURCE_EXHAUSTED, ANSWER_TOO_LARGE.
absl::Status AnswerTooLarge(double bytes, std::size_t limit, std::string_view remedy);
// RESOURCE_EXHAUSTED, EVALUATION_TOO_LARGE.
absl::Status EvaluationTooLarge(std::int64_t limit);
// RESOURCE_EXHAUSTED, TOO_MANY_BACKUPS.
absl::Status TooManyBackups(int limit, absl::Duration retry_after);
// ABORTED, BACKUP_UNREAD.
absl::Status BackupUnread();
// UNAVAILABLE, DRAINING.
absl::Status Draining(absl::Duration retry_after);

// ABORTED, MODEL_RESTORED.
absl::Status ModelRestored(std::int64_t step);
// UNAVAILABLE, RECOVERING.
absl::Status Recovering(std::string_view name, absl::Duration retry_after);

// DEADLINE_EXCEEDED or CANCELLED when the caller waits no longer, otherwise OK.
absl::Status CheckStillWanted(const CallContext& context);

// Work on the call begins, or has begun before.
void NoteBegun(const CallContext& context);

}  // namespace descent::models

#endif  // SERVER_MODELS_ERRORS_H_
