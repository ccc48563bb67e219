// A call that has been admitted: who waits, the place it takes, and the answer that is owed.

#ifndef SERVER_MODELS_WORK_CALL_H_
#define SERVER_MODELS_WORK_CALL_H_

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/models/commands.h"
#include "server/models/errors.h"
#include "server/models/reply.h"
#include "server/models/work/work_quota.h"

namespace descent::models {

// Move-only. Answer is called exactly once, with no lock held.
template <typename Outcome>
class Call {
 public:
  // A call that takes no place in a queue.
  Call(CallContext context, Reply<Outcome> reply)
      : context_(std::move(context)), reply_(std::move(reply)) {}

  // Checks that the caller still waits and takes a place in `quota`; otherwise answers with the
  // error and returns false.
  bool Admit(WorkQuota* quota, std::size_t bytes) {
    absl::Status status = models::CheckStillWanted(context_);
    if (status.ok()) {
      absl::StatusOr<WorkTicket> ticket = quota->Admit(bytes);
      if (ticket.ok()) {
        ticket_ = *std::move(ticket);
        return true;
      }
      status = std::move(ticket).status();
    }
    std::move(*this).Answer(std::move(status));
    return false;
  }

  std::uint64_t caller() const { return context_.caller; }

  // Asked first when work on it begins.
  absl::Status CheckStillWanted() const {
    NoteBegun(context_);
    return models::CheckStillWanted(context_);
  }

  // The place is given back once the answer has been taken.
  void Answer(absl::StatusOr<Outcome> outcome) && {
    const WorkTicket ticket = std::move(ticket_);
    std::move(reply_)(std::move(outcome));
  }

 private:
  CallContext context_;
  WorkTicket ticket_;
  Reply<Outcome> reply_;
};

}  // namespace descent::models

#endif  // SERVER_MODELS_WORK_CALL_H_
