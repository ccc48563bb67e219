#include "server/models/errors.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "clock/steady.h"
#include "core/error.h"
#include "core/text_view.h"

namespace descent::models {
namespace {

// When to look again whether work has given back its memory, or a stream has ended.
constexpr absl::Duration kMemoryRetryDelay = absl::Milliseconds(100);
constexpr absl::Duration kStreamsRetryDelay = absl::Seconds(1);

}  // namespace

absl::Status ModelNotFound(std::string_view name) {
  return Error(absl::StatusCode::kNotFound, "MODEL_NOT_FOUND",
               absl::StrCat("there is no model \"", View(name), "\""),
               {{"model", std::string(name)}});
}

absl::Status ModelExists(std::string_view name) {
  return Error(absl::StatusCode::kAlreadyExists, "MODEL_EXISTS",
               absl::StrCat("there is a model \"", View(name), "\" already"),
               {{"model", std::string(name)}});
}

absl::Status RequestIdReused(std::string_view request_id) {
  return Error(absl::StatusCode::kAlreadyExists, "REQUEST_ID_REUSED",
               "request_id: was used before with another payload; a new request needs a new id",
               {{"request_id", std::string(request_id)}});
}

absl::Status StepMismatch(std::int64_t expected_step, std::int64_t actual_step) {
  return Error(
      absl::StatusCode::kAborted, "STEP_MISMATCH",
      absl::StrCat("expected_step: expected the model at step ", expected_step, ", it is at ",
                   actual_step),
      {{"expected_step", absl::StrCat(expected_step)}, {"actual_step", absl::StrCat(actual_step)}});
}

absl::Status StaleGradients(std::int64_t base_step, std::int64_t max_staleness,
                            std::int64_t actual_step) {
  return Error(
      absl::StatusCode::kAborted, "STALE_GRADIENTS",
      absl::StrCat("gradients.base_step: expected at most ", max_staleness, " updates since step ",
                   base_step, ", there were ", actual_step - base_step),
      {{"base_step", absl::StrCat(base_step)},
       {"max_staleness", absl::StrCat(max_staleness)},
       {"actual_step", absl::StrCat(actual_step)}});
}

absl::Status SessionTakenOver(std::string_view session_id) {
  return Error(absl::StatusCode::kAborted, "SESSION_TAKEN_OVER",
               "a newer stream of the same session has taken over",
               {{"session_id", std::string(session_id)}});
}

absl::Status SequenceGap(std::int64_t expected_sequence, std::int64_t actual_sequence) {
  return Error(
      absl::StatusCode::kOutOfRange, "SEQUENCE_GAP",
      absl::StrCat("batch.sequence: expected ", expected_sequence, ", got ", actual_sequence),
      {{"expected_sequence", absl::StrCat(expected_sequence)},
       {"sequence", absl::StrCat(actual_sequence)}});
}

absl::Status AtSequence(const absl::Status& status, std::int64_t sequence) {
  absl::Status named(status.code(),
                     absl::StrCat("batch with sequence ", sequence, ": ", status.message()));
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { named.SetPayload(url, payload); });
  return WithMetadata(std::move(named), "sequence", absl::StrCat(sequence));
}

absl::Status TooManySessions(std::size_t limit) {
  return WithRetryAfter(Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_SESSIONS",
                              absl::StrCat("session_id: the model remembers ", limit,
                                           " sessions, and streams are attached to all of them"),
                              {{"limit", absl::StrCat(limit)}}),
                        kStreamsRetryDelay);
}

absl::Status TooManyModels(std::size_t limit) {
  return Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_MODELS",
               absl::StrCat("there are ", limit,
                            " models, which is the most (--max-models): ", "delete one first"),
               {{"limit", absl::StrCat(limit)}});
}

absl::Status SessionForgotten(std::string_view session_id) {
  return Error(
      absl::StatusCode::kAborted, "SESSION_FORGOTTEN",
      "session_id: the session was idle and has made room for others; where it stood is not "
      "known any more. Begin a new one, with another id, from the model's step",
      {{"session_id", std::string(session_id)}});
}

absl::Status QueueFull(std::string_view queue, std::string_view what, std::uint64_t limit,
                       absl::Duration retry_after) {
  return WithRetryAfter(
      Error(
          absl::StatusCode::kResourceExhausted, "QUEUE_FULL",
          absl::StrCat("the queue of ", View(queue), " is full: at most ", limit, " ", View(what)),
          {{"queue", std::string(queue)}, {"limit", absl::StrCat(limit, " ", View(what))}}),
      retry_after);
}

absl::Status OverMemoryBudget(std::string_view purpose, std::size_t wanted, std::size_t used,
                              std::size_t budget, bool passes) {
  const absl::Status status = Error(
      absl::StatusCode::kResourceExhausted, "MEMORY_BUDGET",
      absl::StrCat("memory for ", View(purpose), ": ", wanted, " bytes are needed, and ", used,
                   " of the ", budget, " bytes that --memory-mib leaves for it are ", "in use"),
      {{"purpose", std::string(purpose)},
       {"wanted_bytes", absl::StrCat(wanted)},
       {"used_bytes", absl::StrCat(used)},
       {"budget_bytes", absl::StrCat(budget)}});
  return passes ? WithRetryAfter(status, kMemoryRetryDelay) : status;
}

absl::Status BatchTooLarge(std::int64_t rows, double bytes, std::size_t limit) {
  return Error(absl::StatusCode::kResourceExhausted, "BATCH_TOO_LARGE",
               absl::StrCat("a batch of ", rows, " rows needs ", bytes,
                            " bytes for its layers' values; the limit is ", limit,
                            ": send fewer rows at a time"),
               {{"rows", absl::StrCat(rows)}, {"limit_bytes", absl::StrCat(limit)}});
}

absl::Status AnswerTooLarge(double bytes, std::size_t limit, std::string_view remedy) {
  const auto whole = static_cast<std::uint64_t>(bytes);
  return Error(
      absl::StatusCode::kResourceExhausted, "ANSWER_TOO_LARGE",
      absl::StrCat("the answer would take at least ", whole, " bytes, and a message may have ",
                   limit, " (--max-message-mib): ", View(remedy)),
      {{"answer_bytes", absl::StrCat(whole)}, {"limit_bytes", absl::StrCat(limit)}});
}

absl::Status EvaluationTooLarge(std::int64_t limit) {
  return Error(absl::StatusCode::kResourceExhausted, "EVALUATION_TOO_LARGE",
               absl::StrCat("an evaluation has at most ", limit, " rows"),
               {{"limit", absl::StrCat(limit)}});
}

absl::Status TooManyBackups(int limit, absl::Duration retry_after) {
  return WithRetryAfter(
      Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_BACKUPS",
            absl::StrCat(limit, " backups are being made or read, which is the most at once"),
            {{"limit", absl::StrCat(limit)}}),
      retry_after);
}

absl::Status BackupUnread() {
  return Error(absl::StatusCode::kAborted, "BACKUP_UNREAD",
               "the backup was not read for a while, and its file has been removed: begin again");
}

absl::Status Draining(absl::Duration retry_after) {
  return WithRetryAfter(Error(absl::StatusCode::kUnavailable, "DRAINING",
                              "the server is finishing what it holds and takes nothing new"),
                        retry_after);
}

absl::Status ModelRestored(std::int64_t step) {
  return Error(absl::StatusCode::kAborted, "MODEL_RESTORED",
               absl::StrCat("the model was put back to the checkpoint of step ", step,
                            ", and the session with it"),
               {{"step", absl::StrCat(step)}});
}

absl::Status Recovering(std::string_view name, absl::Duration retry_after) {
  return WithRetryAfter(
      Error(absl::StatusCode::kUnavailable, "RECOVERING",
            absl::StrCat("model \"", View(name), "\" is being recovered from the data directory"),
            {{"model", std::string(name)}}),
      retry_after);
}

absl::Status CheckStillWanted(const CallContext& context) {
  if (context.IsCancelled()) return absl::CancelledError("the caller has gone");
  if (context.deadline != absl::InfiniteFuture() && SteadyNow() >= context.deadline) {
    return absl::DeadlineExceededError("the deadline passed before the work was begun");
  }
  return absl::OkStatus();
}

void NoteBegun(const CallContext& context) {
  if (context.begun == nullptr || context.begun->load(std::memory_order_relaxed) != 0) return;
  context.begun->store(absl::ToUnixNanos(SteadyNow()), std::memory_order_relaxed);
}

}  // namespace descent::models
