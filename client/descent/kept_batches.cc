#include "client/descent/kept_batches.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace descent::client {

void KeptBatches::Append(v1::TrainRequest request) {
  request.mutable_batch()->set_sequence(last() + 1);
  const size_t bytes = request.ByteSizeLong();
  batches_.push_back({std::make_shared<const v1::TrainRequest>(std::move(request)), bytes});
}

std::shared_ptr<const v1::TrainRequest> KeptBatches::TakeNextToSend() {
  if (!has_next_to_send()) return nullptr;
  ++sent_;
  return batches_[static_cast<size_t>(sent_ - first_kept_)].request;
}

absl::Status KeptBatches::Acknowledge(int64_t applied, int64_t durable) {
  if (applied > sent_ || durable > std::max(applied, applied_)) {
    return absl::InternalError(absl::StrCat("the server acknowledges batch ", applied,
                                            " and calls ", durable, " durable, but only ", sent_,
                                            " were sent"));
  }
  for (int64_t sequence = applied_ + 1; sequence <= applied; ++sequence) {
    replay_bytes_ += batches_[static_cast<size_t>(sequence - first_kept_)].bytes;
  }
  applied_ = std::max(applied_, applied);
  durable_ = std::max(durable_, durable);
  LetGo();
  return absl::OkStatus();
}

absl::Status KeptBatches::Resume(int64_t next_sequence) {
  // Nobody has sent so many, and no number of a batch overflows.
  constexpr int64_t kMostSequence = int64_t{1} << 62;
  if (next_sequence < 1 || next_sequence > kMostSequence) {
    return absl::InternalError(absl::StrCat("the server wants batch ", next_sequence));
  }
  if (first_kept_ == 0) {
    first_kept_ = next_sequence;
    durable_ = next_sequence - 1;
  }
  if (next_sequence < first_kept_) {
    return absl::DataLossError(absl::StrCat("the server came back wanting batch ", next_sequence,
                                            ", but the batches before ", first_kept_,
                                            " are no longer kept"));
  }
  if (next_sequence > last() + 1) {
    return absl::AbortedError(absl::StrCat("the server wants batch ", next_sequence, " after ",
                                           last(), ": another client goes on with this session"));
  }
  applied_ = sent_ = next_sequence - 1;
  replay_bytes_ = 0;
  for (int64_t sequence = first_kept_; sequence <= applied_; ++sequence) {
    replay_bytes_ += batches_[static_cast<size_t>(sequence - first_kept_)].bytes;
  }
  LetGo();
  return absl::OkStatus();
}

void KeptBatches::LetGo() {
  while (first_kept_ <= applied_ &&
         (first_kept_ <= durable_ || replay_bytes_ > max_replay_bytes_)) {
    replay_bytes_ -= batches_.front().bytes;
    batches_.pop_front();
    ++first_kept_;
  }
}

}  // namespace descent::client
