#include "client/descent/evaluation.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/descent/connection.h"
#include "client/descent/retry.h"
#include "client/descent/rpc_status.h"
#include "clock/steady.h"

namespace descent::client {
namespace {

constexpr size_t kMostKeptBytes = size_t{256} << 20;

// The batches of a source, from the first one as often as is asked for.
class RepeatableBatches {
 public:
  explicit RepeatableBatches(const BatchSource& source) : source_(source) {}

  // Fills the next one, or returns false after the last.
  absl::StatusOr<bool> Next(v1::Batch& batch) {
    if (position_ < kept_.size()) {
      batch = kept_[position_++];
      return true;
    }
    if (ended_) return false;
    absl::StatusOr<bool> more = source_.next(batch);
    if (!more.ok() || source_.rewind) return more;
    ended_ = !*more;
    if (*more && !forgotten_) Keep(batch);
    return more;
  }

  // Whether all batches can be had again.
  bool can_begin_again() const { return source_.rewind || !forgotten_; }
  absl::Status BeginAgain() {
    position_ = 0;
    return source_.rewind ? source_.rewind() : absl::OkStatus();
  }

 private:
  void Keep(const v1::Batch& batch) {
    kept_bytes_ += batch.ByteSizeLong();
    forgotten_ = kept_bytes_ > kMostKeptBytes;
    if (forgotten_) {
      std::vector<v1::Batch>().swap(kept_);
      position_ = 0;
      return;
    }
    kept_.push_back(batch);
    position_ = kept_.size();
  }

  const BatchSource& source_;
  std::vector<v1::Batch> kept_;
  size_t kept_bytes_ = 0;
  size_t position_ = 0;  // in kept_, of this attempt
  bool forgotten_ = false;
  bool ended_ = false;  // batches come once, and all have come
};

// One stream. Sets *source_error when the batches are at fault.
absl::StatusOr<v1::EvaluateResponse> EvaluateOnce(const Connection& connection,
                                                  absl::string_view model, absl::Time deadline,
                                                  RepeatableBatches& batches,
                                                  std::optional<absl::Status>& source_error) {
  grpc::ClientContext context;
  connection.Prepare(&context, deadline);
  v1::EvaluateResponse response;
  auto stream = connection.networks().Evaluate(&context, &response);
  v1::EvaluateRequest request;
  request.set_model(std::string(model));
  while (true) {
    const absl::StatusOr<bool> more = batches.Next(*request.mutable_batch());
    if (!more.ok()) {
      source_error = more.status();
      context.TryCancel();
      stream->Finish();
      return more.status();
    }
    if (!*more) {
      stream->WritesDone();
      break;
    }
    if (!stream->Write(request)) break;  // Finish knows why
  }
  if (grpc::Status status = stream->Finish(); !status.ok()) return FromGrpcStatus(status);
  return response;
}

}  // namespace

absl::StatusOr<v1::EvaluateResponse> RunEvaluation(const Connection& connection,
                                                   absl::string_view model,
                                                   const BatchSource& source, absl::Time deadline) {
  RepeatableBatches batches(source);
  bool begun = false;
  absl::StatusOr<v1::EvaluateResponse> response;
  std::optional<absl::Status> end;  // what another attempt is not to mend
  const absl::Status status = Retry(connection, deadline, [&] {
    if (std::exchange(begun, true)) {
      if (absl::Status again = batches.BeginAgain(); !again.ok()) {
        end = std::move(again);
        return absl::OkStatus();
      }
    }
    response = EvaluateOnce(connection, model, deadline, batches, end);
    if (!response.ok() && !batches.can_begin_again()) end = response.status();
    return end.has_value() ? absl::OkStatus() : response.status();
  });
  if (end.has_value()) return connection.Explain(*std::move(end));
  if (!status.ok()) return status;
  return response;
}

}  // namespace descent::client
