// What WriteOnnx calls things, and what ReadOnnx knows them by.

#ifndef SERVER_EXCHANGE_ONNX_GRAPH_TERMS_H_
#define SERVER_EXCHANGE_ONNX_GRAPH_TERMS_H_

#include "core/spec.h"

namespace descent::exchange {

inline constexpr char kInputName[] = "input";
inline constexpr char kOutputName[] = "output";
// Of networks with categorical inputs, none of which is called so.
inline constexpr char kInputNameBesideCategories[] = "inputs";
inline constexpr char kOutputNameBesideCategories[] = "outputs";
inline constexpr char kBatchName[] = "batch";
// What normalises inputs: "inputs.mean", "inputs/Sub".
inline constexpr char kInputScope[] = "inputs";

// Metadata: how many rows the statistics are of by which inputs are normalised.
inline constexpr char kInputRowsKey[] = "descent.input_rows";

// The operator that makes a network's outputs the targets' terms: "Softmax", "Sigmoid", "Exp"; ""
// where they are that already.
const char* OutputTransformOf(const LossSpec& loss);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_GRAPH_TERMS_H_
