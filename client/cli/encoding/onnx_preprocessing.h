// What the command does to rows before the network and to answers after it, as a part of an ONNX
// graph: raw columns go in, predictions in the target's own unit come out.

#ifndef CLIENT_CLI_ENCODING_ONNX_PREPROCESSING_H_
#define CLIENT_CLI_ENCODING_ONNX_PREPROCESSING_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/encoding/encoding.h"
#include "descent/v1/network.pb.h"

namespace descent::cli {

// The ONNX file of a network, with an input [batch, 1] for each column that it was trained on,
// under the column's name, and in their order:
//
//   number     double; NaN is a missing one, where the model has a number to put in its place
//   date       doubles, one for each of its numbers: "day.days", "day.year_sin" and so on; ONNX has
//              no operator that reads dates
//   category   string; "" is a missing one, and one that training never saw is none
//
// and instead of the network's output, for a number [batch, outputs] double under the target's
// name, or for classes "label" [batch] string and "probabilities" [batch, classes], in the labels'
// order. Categories and labels are spelled as in the encoding.
//
// FailedPrecondition as below. INTERNAL where `onnx` is not what a server exports of `network`.
absl::StatusOr<std::string> WithPreprocessing(const std::string& onnx, const Encoding& encoding,
                                              const v1::NetworkSpec& network);

// FailedPrecondition, with what helps, if a column is embedded: ONNX can't hash its texts.
absl::Status CheckPreprocessable(const Encoding& encoding);

}  // namespace descent::cli

#endif  // CLIENT_CLI_ENCODING_ONNX_PREPROCESSING_H_
