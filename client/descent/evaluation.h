// Evaluating a model on batches that come one after another.

#ifndef CLIENT_DESCENT_EVALUATION_H_
#define CLIENT_DESCENT_EVALUATION_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "descent/v1/network_service.pb.h"

namespace descent::client {

class Connection;

// Where the batches come from. An evaluation that the server has lost is sent again from the first
// one.
struct BatchSource {
  // Fills one, or returns false after the last; an error ends the evaluation and is returned.
  std::function<absl::StatusOr<bool>(v1::Batch& batch)> next;
  // Makes `next` begin again from the first batch; an error ends the evaluation. Null: batches come
  // once only, so they are kept, up to 256 MiB of them, to be sent again; once there are more, a
  // lost connection is an error.
  std::function<absl::Status()> rewind = {};
};

// As Client::Evaluate. `deadline`: of SteadyNow.
absl::StatusOr<v1::EvaluateResponse> RunEvaluation(const Connection& connection,
                                                   absl::string_view model,
                                                   const BatchSource& source, absl::Time deadline);

}  // namespace descent::client

#endif  // CLIENT_DESCENT_EVALUATION_H_
