#include "core/parameter_layout.h"

#include <utility>

#include "core/buffer.h"
#include "core/check.h"

namespace descent {

std::int64_t ParameterLayout::Add(std::string name, std::vector<std::int64_t> shape,
                                  bool is_per_unit) {
  DESCENT_CHECK(dense_size_ == size_);
  const std::int64_t offset =
      Place({.name = std::move(name), .shape = std::move(shape), .is_per_unit = is_per_unit});
  dense_size_ = size_;
  return offset;
}

std::int64_t ParameterLayout::AddTable(std::string name, std::int64_t buckets,
                                       std::int64_t dimension) {
  return Place({.name = std::move(name), .shape = {buckets, dimension}, .is_table = true});
}

std::int64_t ParameterLayout::Place(ParameterInfo parameter) {
  const auto line = static_cast<std::int64_t>(kAlignment / ByteWidth(type_));
  parameter.offset = size_;
  parameter.size = 1;
  for (const std::int64_t extent : parameter.shape) parameter.size *= extent;
  size_ += (parameter.size + line - 1) / line * line;
  parameter_count_ += parameter.size;
  parameters_.push_back(std::move(parameter));
  return parameters_.back().offset;
}

int ParameterLayout::Find(std::string_view name) const {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (parameters_[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

std::int64_t ParameterLayout::OffsetOf(std::string_view name) const {
  const int i = Find(name);
  DESCENT_CHECK(i >= 0);
  return parameters_[static_cast<std::size_t>(i)].offset;
}

}  // namespace descent
