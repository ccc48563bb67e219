#include "server/models/writing/attached_session.h"

#include <algorithm>
#include <utility>

#include "server/models/work/cost.h"

namespace descent::models {
namespace {

// Batches that a stream has read in a row before others have their turn: gRPC looks for what has
// come on other connections when a stream is not being read.
constexpr std::int64_t kBatchesPerTurn = 64;

}  // namespace

AttachedSession::AttachedSession(std::shared_ptr<WriterLane> lane, TrainStart start,
                                 std::shared_ptr<TrainObserver> observer, WorkTicket ticket)
    : lane_(std::move(lane)),
      updates_(std::make_shared<SessionUpdates>(lane_, std::move(start), std::move(observer),
                                                std::move(ticket))) {
  lane_->Run(/*cost=*/0, [updates = updates_] { updates->Attach(); });
}

bool AttachedSession::Submit(TrainBatchCommand command) {
  const Network& network = *lane_->publication()->network();
  const MultiplyAdds cost = GradientCost(network, command.batch.rows()) + UpdateCost(network) +
                            3 * TablesCost(network, command.batch.categories);
  const AckWindow::Held held{.bytes = ByteSize(command.batch),
                             .multiply_adds = static_cast<std::int64_t>(std::min(cost, 1e15))};
  if (!updates_->window().Hold(held)) return false;
  lane_->Run(cost, [updates = updates_, command = std::move(command), held,
                    ticket = lane_->quota()->AdmitAlways(held.bytes)]() mutable {
    updates->Apply(std::move(command), held, std::move(ticket));
  });
  // What is done in place keeps the thread that the stream is read on.
  const bool takes_turns = lane_->resources().IsSmall(cost) && ++submitted_ % kBatchesPerTurn == 0;
  if (!updates_->window().MayReadOn()) return false;
  if (!takes_turns) return true;
  lane_->resources().readers.Post([updates = updates_] { updates->window().OfferCapacity(); });
  return false;
}

void AttachedSession::HalfClose() { Fail(absl::OkStatus()); }

void AttachedSession::Fail(absl::Status status) { updates_->Fail(std::move(status)); }

void AttachedSession::Detach() {
  updates_->window().Detach();
  Fail(absl::CancelledError());
}

}  // namespace descent::models
