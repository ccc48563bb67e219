// What the command keeps with a model of its own making, and what it makes of models without.

#ifndef CLIENT_CLI_ENCODING_MODEL_DATA_H_
#define CLIENT_CLI_ENCODING_MODEL_DATA_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/encoding/encoding.h"
#include "descent/v1/model_service.pb.h"

namespace descent::cli {

// Whether the model holds an encoding, in a label or, a long one, in its client data.
bool HasEncoding(const v1::Model& model);

// The encoding that the model holds, or a plain one whose target stands last. FailedPrecondition if
// it can't be read or doesn't fit the network, or if there is none and the network has categorical
// inputs, of which a plain one knows nothing.
absl::StatusOr<Encoding> EncodingOf(const v1::Model& model);

// What the network asks of the numbers it is given.
NumberTerms TermsOf(v1::LossKind loss, bool float64);
NumberTerms TermsOf(const v1::NetworkSpec& network);

// Puts the encoding into a label where it is short enough to be read there, and else, packed, into
// the client data. A data error if it is larger than those may be.
absl::Status KeepEncoding(const Encoding& encoding, v1::Model* model);

// A model's metrics of encoded targets, in the target's own unit: `rmse` and `mae` scaled back, the
// others as they are.
std::map<std::string, double> InOwnUnits(const google::protobuf::Map<std::string, double>& metrics,
                                         const TargetEncoding& target);

// "rmse 52,341  mae 34,512  r2 0.7891": those that matter most first. Those of one of two classes
// come last, and say which: "accuracy 0.91  log_loss 0.2  of fraud: f1 0.8  precision 0.7 ...".
std::string MetricsText(const std::map<std::string, double>& metrics, const TargetEncoding& target);

}  // namespace descent::cli

#endif  // CLIENT_CLI_ENCODING_MODEL_DATA_H_
