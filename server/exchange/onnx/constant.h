// Tensors of a graph that never change: its initialisers, and what is made of them by moving them.

#ifndef SERVER_EXCHANGE_ONNX_CONSTANT_H_
#define SERVER_EXCHANGE_ONNX_CONSTANT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "onnx/onnx_subset.pb.h"

namespace descent::exchange {

// A view of a tensor's numbers, maybe transposed and of another shape. Copying it copies no
// numbers. The tensor outlives it.
class Constant {
 public:
  // kInvalidArgument (MALFORMED_FILE) naming the tensor: data elsewhere than in the file,
  // dimensions below 0 or beyond memory, other data than they ask for, or a type that holds no
  // numbers.
  static absl::StatusOr<Constant> Of(const onnx::TensorProto& tensor);
  // Whether tensors of an onnx::TensorProto::DataType are read.
  static bool Reads(std::int64_t type);

  const std::vector<std::int64_t>& dims() const { return dims_; }
  std::int64_t rank() const { return static_cast<std::int64_t>(dims_.size()); }
  std::int64_t size() const { return size_; }
  const std::string& name() const { return tensor_->name(); }
  bool IsFloatingPoint() const;
  bool IsDouble() const;

  // Unset where there is no such view.
  std::optional<Constant> Transposed() const;
  std::optional<Constant> Reshaped(std::vector<std::int64_t> dims) const;
  // Converted to an onnx::TensorProto::DataType.
  std::optional<Constant> Converted(std::int64_t type) const;

  // Element i, row by row.
  double At(std::int64_t i) const;
  // All elements.
  template <typename T>
  void Read(T* values) const;

 private:
  explicit Constant(const onnx::TensorProto* tensor) : tensor_(tensor) {}

  // Calls function(element) for the tensor's own order, where element(i) gives element i.
  template <typename Function>
  void WithElements(const Function& function) const;

  const onnx::TensorProto* tensor_;
  std::vector<std::int64_t> dims_;
  std::int64_t size_ = 0;
  std::int64_t type_ = 0;  // after conversion
  // Of the tensor's own rows where it is transposed; 0: it is not.
  std::int64_t transposed_rows_ = 0;
};

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_CONSTANT_H_
