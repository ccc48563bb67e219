// Tensors of a graph that never change: its initialisers, and what is made of them.

#ifndef SERVER_EXCHANGE_ONNX_CONSTANT_H_
#define SERVER_EXCHANGE_ONNX_CONSTANT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "onnx/onnx_subset.pb.h"

namespace descent::exchange {

// A view of a tensor's numbers, maybe transposed, of another shape, or scaled. Copying it copies no
// numbers. The tensor of a file outlives it.
class Constant {
 public:
  // kInvalidArgument (MALFORMED_FILE) naming the tensor: data elsewhere than in the file,
  // dimensions below 0 or beyond memory, other data than they ask for, or a type that holds no
  // numbers.
  static absl::StatusOr<Constant> Of(const onnx::TensorProto& tensor);
  // A row of numbers of its own, each rounded to float32 unless `is_double`. `name` is for errors.
  static Constant Row(const std::string& name, const std::vector<double>& numbers, bool is_double);
  // Whether tensors of an onnx::TensorProto::DataType are read.
  static bool Reads(std::int64_t type);

  const std::vector<std::int64_t>& dims() const { return dims_; }
  std::int64_t rank() const { return static_cast<std::int64_t>(dims_.size()); }
  std::int64_t size() const { return size_; }
  const std::string& name() const { return tensor_->name(); }
  bool IsFloatingPoint() const;
  bool IsDouble() const;

  // A matrix whose row i is multiplied with rows[i], and whose column j with columns[j]; empty: as
  // they are. Requires floating-point numbers, at least one, and as many factors as the matrix has
  // rows or columns.
  Constant Scaled(const std::vector<double>& rows, const std::vector<double>& columns) const;

  // Unset where there is no such view.
  std::optional<Constant> Transposed() const;
  std::optional<Constant> Reshaped(std::vector<std::int64_t> dims) const;
  // Converted to an onnx::TensorProto::DataType.
  std::optional<Constant> Converted(std::int64_t type) const;

  // A matrix in which `count` rows from row `begin` on come before all others. Requires rows that
  // there are, and is the last view that is made.
  Constant WithRowsFirst(std::int64_t begin, std::int64_t count) const;

  // The tensor that the numbers are of, whatever the view.
  const onnx::TensorProto* identity() const { return tensor_; }

  // Element i, row by row.
  double At(std::int64_t i) const;
  // All elements.
  template <typename T>
  void Read(T* values) const;

 private:
  explicit Constant(const onnx::TensorProto* tensor) : tensor_(tensor) {}

  struct Factors {
    std::vector<double> rows;
    std::vector<double> columns;
  };

  double FactorOf(std::int64_t i) const;
  // Before rows were put first.
  std::int64_t PlaceBefore(std::int64_t i) const;

  // Calls function(element) for the tensor's own order, where element(i) gives element i.
  template <typename Function>
  void WithElements(const Function& function) const;

  const onnx::TensorProto* tensor_;
  std::vector<std::int64_t> dims_;
  std::int64_t size_ = 0;
  std::int64_t type_ = 0;  // after conversion
  // Of the tensor's own rows where it is transposed; 0: it is not.
  std::int64_t transposed_rows_ = 0;
  std::shared_ptr<const Factors> factors_;  // null: none
  // Rows that were put first; none of 0.
  std::int64_t first_rows_begin_ = 0;
  std::int64_t first_rows_ = 0;
  std::shared_ptr<const onnx::TensorProto> own_ = nullptr;  // null: the file's
};

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_CONSTANT_H_
