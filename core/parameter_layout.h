// Where each parameter lies in a network's flat buffer.

#ifndef CORE_PARAMETER_LAYOUT_H_
#define CORE_PARAMETER_LAYOUT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/data_type.h"

namespace descent {

// One named view: `layers.<i>.kernel` of shape [inputs, units], say; of a layer within a residual
// `layers.<i>.layers.<j>.kernel`.
struct ParameterInfo {
  std::string name;
  std::vector<std::int64_t> shape;
  std::int64_t offset = 0;  // in elements; a multiple of 64 bytes
  std::int64_t size = 0;    // in elements
  // Whether it is a bias or a gain, one number a unit, which weight decay may be kept from.
  bool is_per_unit = false;
  // Whether it is the table of a categorical input, whose rows are updated one by one.
  bool is_table = false;
};

// Parameters, their gradient and each optimizer slot share one layout. Tensors follow one another
// in the order of parameters(), each starting on a 64-byte boundary; the elements between are zero
// and stay zero. Tables of categorical inputs `embeddings.<name>` come last: gradients end before
// them.
class ParameterLayout {
 public:
  explicit ParameterLayout(DataType type) : type_(type) {}

  // Places a tensor after all others and gives back its offset. Requires the product of the extents
  // to fit.
  std::int64_t Add(std::string name, std::vector<std::int64_t> shape, bool is_per_unit);
  // The same for a table, after which no other tensors come.
  std::int64_t AddTable(std::string name, std::int64_t buckets, std::int64_t dimension);

  absl::Span<const ParameterInfo> parameters() const { return parameters_; }
  // Index of the named parameter, or -1.
  int Find(std::string_view name) const;
  // Offset of a parameter that there is.
  std::int64_t OffsetOf(std::string_view name) const;

  // Elements of a flat buffer, gaps included.
  std::int64_t size() const { return size_; }
  // Those before the tables.
  std::int64_t dense_size() const { return dense_size_; }
  // Numbers that are learned: without gaps.
  std::int64_t parameter_count() const { return parameter_count_; }

 private:
  std::int64_t Place(ParameterInfo parameter);

  DataType type_;
  std::vector<ParameterInfo> parameters_;
  std::int64_t size_ = 0;
  std::int64_t dense_size_ = 0;
  std::int64_t parameter_count_ = 0;
};

}  // namespace descent

#endif  // CORE_PARAMETER_LAYOUT_H_
