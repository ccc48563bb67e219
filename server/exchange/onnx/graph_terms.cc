#include "server/exchange/onnx/graph_terms.h"

#include <variant>

namespace descent::exchange {

const char* OutputTransformOf(const LossSpec& loss) {
  if (std::holds_alternative<SoftmaxCrossEntropyLoss>(loss)) return "Softmax";
  if (std::holds_alternative<BinaryCrossEntropyLoss>(loss)) return "Sigmoid";
  if (std::holds_alternative<PoissonLoss>(loss)) return "Exp";
  return "";
}

}  // namespace descent::exchange
