// A network as an ONNX graph that computes what Predict answers.

#ifndef SERVER_EXCHANGE_ONNX_ONNX_EXPORT_H_
#define SERVER_EXCHANGE_ONNX_ONNX_EXPORT_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/exchange/model_file.h"

namespace descent::exchange {

// The bytes of an ONNX model, IR version 7, operators of version 13: from "input" [batch, features]
// to "output" [batch, outputs] in the targets' terms, both of the network's element type. The same
// model gives the same bytes. Dropout leaves no trace, the optimizer's state is not written.
//
// Of networks with categorical inputs these are "inputs", left out where there are no features, and
// "outputs"; beside them is an INT64 input [batch] for each, under its name: one id a row, of
// weight 1, which Gather looks up in its table.
//
// Operators that runtimes have for float32 alone are written out for float64, so that both run.
// The metadata are the model's; where inputs are normalised, the count of rows that the statistics
// are of is added (kInputRowsKey).
//
// kFailedPrecondition: MODEL_TOO_LARGE where the bytes would be more than 2 GiB, which ONNX can't
// hold in one file; NOT_IN_FORMAT where a categorical input hashes its ids, which no operator does.
absl::StatusOr<std::string> WriteOnnx(const ExportedModel& model);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_ONNX_EXPORT_H_
