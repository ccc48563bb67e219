// Rows that are scaled and shifted by constants, feature by feature: what a bias does, and batch
// normalisation that learns no more. Beside a dense layer it is a part of that layer.

#ifndef SERVER_EXCHANGE_ONNX_ROW_AFFINE_H_
#define SERVER_EXCHANGE_ONNX_ROW_AFFINE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/exchange/onnx/constant.h"
#include "server/exchange/onnx/dense_pattern.h"
#include "server/exchange/onnx/graph.h"

namespace descent::exchange {

// One number, row vector or matrix of one row that is added to or multiplied with rows.
bool IsRow(const Constant& constant);

// Of a node of two inputs: a constant row and what is not constant, in any order.
struct RowAndValue {
  const Constant* row;
  absl::string_view value;
};
std::optional<RowAndValue> WithRow(const Graph& graph, const GraphNode* node);

class RowAffine {
 public:
  // The last few steps before a value that scale or shift: Add, Sub, Mul, Div and
  // BatchNormalization.
  static RowAffine Before(const Graph& graph, absl::string_view value);

  // What is scaled and shifted; the value itself if it is the identity.
  absl::string_view input() const { return input_; }
  bool IsIdentity() const { return steps_.empty(); }
  // The row where all that is done is to add it, else null.
  const Constant* AddedRow() const {
    return steps_.size() == 1 && steps_[0].kind == Step::Kind::kAdd ? steps_[0].rows[0] : nullptr;
  }

  // A dense layer, and then this. Unset where the numbers of features differ, or there are none.
  std::optional<DensePattern> After(const DensePattern& dense) const;
  // This, and then a dense layer.
  std::optional<DensePattern> Then(const DensePattern& dense) const;

 private:
  // One number for all features, or one for each.
  struct Step {
    enum class Kind : std::uint8_t { kAdd, kSubtract, kMultiply, kDivide, kBatchNorm };
    Kind kind;
    // The row, or of batch normalisation gain, bias, means and variances.
    std::vector<const Constant*> rows;
    double epsilon = 0;

    // x ↦ scale x + shift, of one number or of as many as the rows have.
    struct Numbers {
      std::vector<double> scale;
      std::vector<double> shift;
    };
    Numbers Read() const;
  };
  // Unset for other nodes; else `input` is what the step reads.
  static std::optional<Step> StepOf(const Graph& graph, const GraphNode& node,
                                    absl::string_view* input);
  // All steps together, for so many features. Unset where a row has another number of them.
  std::optional<Step::Numbers> Together(std::int64_t features) const;

  absl::string_view input_;
  std::vector<Step> steps_;  // the last first
};

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_ROW_AFFINE_H_
