// Where each parameter lies in a network's flat buffer.

#ifndef CORE_PARAMETER_LAYOUT_H_
#define CORE_PARAMETER_LAYOUT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/spec.h"

namespace descent {

// One named view: `layers.<i>.kernel` of shape [inputs, units], or `layers.<i>.bias` of [units].
struct ParameterInfo {
  std::string name;
  std::vector<std::int64_t> shape;
  std::int64_t offset = 0;  // in elements; a multiple of 64 bytes
  std::int64_t size = 0;    // in elements
  int layer = 0;
  bool is_bias = false;
};

// Parameters, their gradient and each optimizer slot share one layout. Tensors follow one another
// in the order of parameters(), each starting on a 64-byte boundary; the elements between are zero
// and stay zero.
class ParameterLayout {
 public:
  explicit ParameterLayout(const NetworkSpec& spec);

  absl::Span<const ParameterInfo> parameters() const { return parameters_; }
  // Index of the named parameter, or -1.
  int Find(std::string_view name) const;
  // Offsets of a layer's parameters in a flat buffer; the bias's is -1 if the layer has none.
  std::int64_t kernel_offset(int layer) const { return offsets_[layer].kernel; }
  std::int64_t bias_offset(int layer) const { return offsets_[layer].bias; }

  // Elements of a flat buffer, gaps included.
  std::int64_t size() const { return size_; }
  // Numbers that are learned: without gaps.
  std::int64_t parameter_count() const { return parameter_count_; }

 private:
  struct LayerOffsets {
    std::int64_t kernel = 0;
    std::int64_t bias = -1;
  };

  std::vector<ParameterInfo> parameters_;
  std::vector<LayerOffsets> offsets_;
  std::int64_t size_ = 0;
  std::int64_t parameter_count_ = 0;
};

}  // namespace descent

#endif  // CORE_PARAMETER_LAYOUT_H_
