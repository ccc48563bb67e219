#include "server/exchange/onnx/graph_values.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/exchange/onnx/file_errors.h"

namespace descent::exchange {

absl::Status GraphValues::Define(absl::string_view name, GraphValue value, absl::string_view what) {
  RETURN_IF_ERROR(Name(name, values_.size(), what));
  value.name = name;
  values_.push_back(std::move(value));
  return absl::OkStatus();
}

absl::Status GraphValues::Alias(absl::string_view name, absl::string_view of,
                                absl::string_view what) {
  return Name(name, names_.at(of), what);
}

absl::Status GraphValues::Name(absl::string_view name, std::size_t value, absl::string_view what) {
  if (names_.emplace(name, value).second) return absl::OkStatus();
  return Malformed(absl::StrCat(what, " ", Shown(name)),
                   "another initialiser, input or node has this name already");
}

const GraphValue* GraphValues::Find(absl::string_view name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? nullptr : &values_[found->second];
}

absl::string_view GraphValues::Resolve(absl::string_view name) const {
  const GraphValue* const value = Find(name);
  return value == nullptr ? absl::string_view() : value->name;
}

const GraphNode* GraphValues::MakerOf(absl::string_view name) const {
  const GraphValue* const value = Find(name);
  return value == nullptr ? nullptr : value->maker;
}

const Constant* GraphValues::ConstantOf(absl::string_view name) const {
  const GraphValue* const value = Find(name);
  return value == nullptr || !value->constant.has_value() ? nullptr : &*value->constant;
}

}  // namespace descent::exchange
