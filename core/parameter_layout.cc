#include "core/parameter_layout.h"

#include "absl/strings/str_cat.h"
#include "core/buffer.h"

namespace descent {

ParameterLayout::ParameterLayout(const NetworkSpec& spec) {
  const std::int64_t line = static_cast<std::int64_t>(kAlignment / ByteWidth(spec.data_type));
  const auto add = [&](int layer, const char* role, std::vector<std::int64_t> shape, bool is_bias) {
    ParameterInfo parameter{.name = absl::StrCat("layers.", layer, ".", role),
                            .shape = std::move(shape),
                            .offset = size_,
                            .size = 1,
                            .layer = layer,
                            .is_bias = is_bias};
    for (const std::int64_t extent : parameter.shape) parameter.size *= extent;
    size_ += (parameter.size + line - 1) / line * line;
    parameter_count_ += parameter.size;
    parameters_.push_back(std::move(parameter));
  };
  std::int64_t inputs = spec.input_features;
  for (int l = 0; l < static_cast<int>(spec.layers.size()); ++l) {
    const DenseSpec& dense = spec.layers[static_cast<std::size_t>(l)];
    offsets_.push_back({.kernel = size_, .bias = -1});
    add(l, "kernel", {inputs, dense.units}, /*is_bias=*/false);
    if (!dense.omit_bias) {
      offsets_.back().bias = size_;
      add(l, "bias", {dense.units}, /*is_bias=*/true);
    }
    inputs = dense.units;
  }
}

int ParameterLayout::Find(std::string_view name) const {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (parameters_[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace descent
