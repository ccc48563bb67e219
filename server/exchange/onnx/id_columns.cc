#include "server/exchange/onnx/id_columns.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/exchange/onnx/file_errors.h"
#include "server/exchange/onnx/graph_values.h"

namespace descent::exchange {
namespace {

using onnx::TensorProto;
using Shape = IdColumns::Shape;
using Integers = std::vector<std::int64_t>;

// Columns are numbered below this; what exporters write for an end beyond the last one is more.
constexpr std::int64_t kEnd = std::numeric_limits<std::int32_t>::max();

constexpr char kNoPick[] =
    "picks no columns of ids: expected constant numbers of columns side by side that the input has";
constexpr char kNoMove[] =
    "moves ids elsewhere: expected shapes of [batch] or [batch, columns] that keep each row's ids";
constexpr char kNoIds[] =
    "is no way from an input to a table: expected ids as they come, or columns of them that "
    "constants pick";

bool IsInteger(std::int64_t type) {
  return type == TensorProto::INT64 || type == TensorProto::INT32;
}
bool IsFloat(std::int64_t type) {
  return type == TensorProto::FLOAT || type == TensorProto::DOUBLE || type == TensorProto::FLOAT16;
}

std::int64_t ColumnAxis(Shape shape) { return shape == Shape::kColumnsByBatch ? 0 : 1; }

// Of a value of two dimensions.
bool IsAxis(std::int64_t axis, std::int64_t expected) {
  return axis == expected || axis == expected - 2;
}

// Reads what tells a node how: attributes in old versions of operators and constants in new ones.
class Settings {
 public:
  Settings(const GraphNode& node, const GraphValues& values) : node_(node), values_(values) {}

  // Unset unless they are constant, and at most `most`. Numbers beyond all columns are cut off.
  std::optional<Integers> Read(absl::string_view attribute, int input, std::int64_t most) const {
    if (const auto* const set = FindAttribute(node_, attribute); set != nullptr) {
      if (set->ints_size() > most) return std::nullopt;
      return IntsOf(node_, attribute);
    }
    if (node_.input(input).empty()) return Integers();
    const Constant* const constant = values_.ConstantOf(node_.input(input));
    if (constant == nullptr || constant->rank() > 1 || constant->size() > most ||
        constant->IsFloatingPoint()) {
      return std::nullopt;
    }
    Integers integers;
    for (std::int64_t i = 0; i < constant->size(); ++i) {
      integers.push_back(static_cast<std::int64_t>(std::clamp(constant->At(i), -0x1p53, 0x1p53)));
    }
    return integers;
  }

 private:
  const GraphNode& node_;
  const GraphValues& values_;
};

// Each of these does to `ids` what a node does, and returns why it can't; null: it could.

const char* Pick(std::int64_t begin, std::int64_t count, IdColumns* ids) {
  if (begin < 0 && ids->count > 0) begin += ids->count;
  const std::int64_t last = ids->count > 0 ? ids->count : kEnd;
  if (begin < 0 || count < 1 || begin > last || count > last - begin) return kNoPick;
  ids->are_all = ids->are_all && begin == 0 && count == ids->count;
  ids->first += begin;
  ids->count = count;
  return nullptr;
}

const char* PickByGather(const GraphNode& node, const GraphValues& values, IdColumns* ids) {
  const Constant* const index = values.ConstantOf(node.input(1));
  if (ids->shape == Shape::kBatch || !IsAxis(IntOf(node, "axis", 0), ColumnAxis(ids->shape)) ||
      index == nullptr || index->size() != 1 || index->rank() > 1 || index->IsFloatingPoint()) {
    return kNoPick;
  }
  if (!(index->At(0) >= -kEnd && index->At(0) < kEnd)) return kNoPick;
  if (ids->shape == Shape::kUndeclared) ids->shape = Shape::kBatchByColumns;
  if (index->rank() == 0) ids->shape = Shape::kBatch;
  return Pick(static_cast<std::int64_t>(index->At(0)), 1, ids);
}

const char* PickBySlice(const GraphNode& node, const GraphValues& values, IdColumns* ids) {
  constexpr std::int64_t kMostAxes = 2;
  const Settings settings(node, values);
  const auto begins = settings.Read("starts", 1, kMostAxes);
  const auto ends = settings.Read("ends", 2, kMostAxes);
  auto axes = settings.Read("axes", 3, kMostAxes);
  auto steps = settings.Read("", 4, kMostAxes);
  if (ids->shape == Shape::kBatch || !begins || !ends || !axes || !steps) return kNoPick;
  const std::size_t count = begins->size();
  if (axes->empty()) axes = count == 1 ? Integers{0} : Integers{0, 1};
  if (steps->empty()) steps = Integers(count, 1);
  if (ends->size() != count || axes->size() != count || steps->size() != count ||
      (count == 2 && ((*axes)[0] - (*axes)[1]) % 2 == 0)) {
    return kNoPick;
  }
  if (ids->shape == Shape::kUndeclared) ids->shape = Shape::kBatchByColumns;
  const std::int64_t declared = ids->count;
  for (std::size_t i = 0; i < count; ++i) {
    std::int64_t begin = (*begins)[i];
    std::int64_t end = (*ends)[i];
    if ((*steps)[i] != 1) return kNoPick;
    if (!IsAxis((*axes)[i], ColumnAxis(ids->shape))) {
      if (!IsAxis((*axes)[i], 1 - ColumnAxis(ids->shape)) || begin != 0 || end < kEnd) {
        return kNoPick;
      }
      continue;
    }
    if (declared == 0) {
      if (begin < 0 || begin >= kEnd || end < 0) return kNoPick;
      if (end >= kEnd) {
        // To an end that is not declared.
        ids->are_all = ids->are_all && begin == 0;
        if (ids->first > kEnd - begin) return kNoPick;
        ids->first += begin;
        continue;
      }
    } else {
      begin = std::clamp<std::int64_t>(begin < 0 ? begin + declared : begin, 0, declared);
      end = std::clamp<std::int64_t>(end < 0 ? end + declared : end, 0, declared);
    }
    if (const char* const refusal = Pick(begin, end - begin, ids)) return refusal;
  }
  return nullptr;
}

const char* Reshape(const GraphNode& node, const GraphValues& values, IdColumns* ids) {
  const auto shape = Settings(node, values).Read("", 1, 2);
  if (!shape || ids->shape == Shape::kColumnsByBatch || ids->count == 0) return kNoMove;
  const bool copies = IntOf(node, "allowzero", 0) == 0;  // what 0 stands for
  if (*shape == Integers{-1} && ids->count == 1) {
    ids->shape = Shape::kBatch;
    return nullptr;
  }
  if (shape->size() != 2) return kNoMove;
  const std::int64_t rows = (*shape)[0];
  const std::int64_t columns = (*shape)[1];
  const bool keeps_rows = rows == 0 && copies;
  const bool keeps_columns =
      columns == ids->count || (columns == 0 && copies && ids->shape == Shape::kBatchByColumns);
  if (!(keeps_rows && columns == -1) && !((keeps_rows || rows == -1) && keeps_columns)) {
    return kNoMove;
  }
  ids->shape = Shape::kBatchByColumns;
  return nullptr;
}

const char* Squeeze(const GraphNode& node, const GraphValues& values, IdColumns* ids) {
  const auto axes = Settings(node, values).Read("axes", 1, 1);
  if (!axes || axes->size() != 1 || ids->shape == Shape::kBatch || ids->count > 1 ||
      !IsAxis((*axes)[0], ColumnAxis(ids->shape))) {
    return kNoMove;
  }
  ids->shape = Shape::kBatch;
  ids->count = 1;  // which it has to be
  return nullptr;
}

const char* Unsqueeze(const GraphNode& node, const GraphValues& values, IdColumns* ids) {
  const auto axes = Settings(node, values).Read("axes", 1, 1);
  if (!axes || axes->size() != 1 || ids->shape != Shape::kBatch || !IsAxis((*axes)[0], 1)) {
    return kNoMove;
  }
  ids->shape = Shape::kBatchByColumns;
  return nullptr;
}

const char* Flatten(const GraphNode& node, IdColumns* ids) {
  if (IntOf(node, "axis", 1) != 1 || ids->shape == Shape::kColumnsByBatch) return kNoMove;
  ids->shape = Shape::kBatchByColumns;
  return nullptr;
}

const char* Transpose(const GraphNode& node, IdColumns* ids) {
  const Integers perm = IntsOf(node, "perm");
  if (ids->shape == Shape::kBatch || (!perm.empty() && perm != Integers{1, 0})) return kNoMove;
  ids->shape =
      ids->shape == Shape::kColumnsByBatch ? Shape::kBatchByColumns : Shape::kColumnsByBatch;
  return nullptr;
}

const char* Cast(const GraphNode& node, IdColumns* ids) {
  const std::int64_t to = IntOf(node, "to", 0);
  if (!IsInteger(to) && (ids->are_integers || !IsFloat(to))) return kNoIds;
  ids->are_integers = IsInteger(to);
  return nullptr;
}

const char* Move(const GraphNode& node, const GraphValues& values, IdColumns* ids) {
  const absl::string_view op = node.op();
  if (op == "Identity") return nullptr;
  if (op == "Cast") return Cast(node, ids);
  if (op == "Gather") return PickByGather(node, values, ids);
  if (op == "Slice") return PickBySlice(node, values, ids);
  if (op == "Reshape") return Reshape(node, values, ids);
  if (op == "Squeeze") return Squeeze(node, values, ids);
  if (op == "Unsqueeze") return Unsqueeze(node, values, ids);
  if (op == "Flatten") return Flatten(node, ids);
  if (op == "Transpose") return Transpose(node, ids);
  return kNoIds;
}

// How many columns each output of a Split has; unset where that is not said.
std::optional<Integers> SplitSizes(const GraphNode& node, const GraphValues& values,
                                   std::int64_t count) {
  const std::int64_t outputs = node.proto->output_size();
  auto sizes = Settings(node, values).Read("split", 1, outputs);
  if (!sizes || outputs == 0) return std::nullopt;
  if (sizes->empty()) {
    if (count == 0 || IntOf(node, "num_outputs", outputs) != outputs) return std::nullopt;
    // The last may be smaller.
    const std::int64_t size = (count + outputs - 1) / outputs;
    sizes = Integers(static_cast<std::size_t>(outputs), size);
    sizes->back() = count - size * (outputs - 1);
  }
  if (static_cast<std::int64_t>(sizes->size()) != outputs) return std::nullopt;
  std::int64_t sum = 0;
  for (const std::int64_t size : *sizes) {
    if (size < 1 || size > kEnd - sum) return std::nullopt;
    sum += size;
  }
  return count == 0 || sum == count ? sizes : std::nullopt;
}

}  // namespace

absl::Status RefuseIds(const IdColumns& ids) {
  if (ids.refused_by == nullptr) {
    return Unsupported(absl::StrCat("graph.input ", Shown(ids.input->name())), ids.refusal);
  }
  RETURN_IF_ERROR(CheckOperator(*ids.refused_by));
  return RefuseNode(*ids.refused_by, ids.refusal);
}

void IdColumnsOfValues::AddInput(const onnx::ValueInfoProto& input) {
  IdColumns ids{.input = &input};
  const onnx::TypeProto::Tensor& tensor = input.type().tensor_type();
  ids.are_integers = !tensor.has_elem_type() || IsInteger(tensor.elem_type());
  if (tensor.has_shape()) {
    const onnx::TensorShapeProto& shape = tensor.shape();
    bool is_known = false;
    if (shape.dim_size() == 1) {
      ids.shape = Shape::kBatch;
      ids.count = 1;
      is_known = true;
    } else if (shape.dim_size() == 2) {
      ids.shape = Shape::kBatchByColumns;
      const auto& columns = shape.dim(1);
      if (columns.has_dim_value()) ids.count = columns.dim_value();
      is_known = !columns.has_dim_value() || (ids.count > 0 && ids.count <= kEnd);
    }
    if (!is_known) ids.refusal = "expected ids in a shape of [batch] or [batch, columns]";
  }
  columns_.emplace(input.name(), ids);
}

const IdColumns* IdColumnsOfValues::FindCounted(const GraphNode& node,
                                                const GraphValues& values) const {
  const auto maker = [&](absl::string_view value, absl::string_view op) {
    const GraphNode* const made = values.MakerOf(value);
    return made != nullptr && made->op() == op && CheckOperator(*made).ok() ? made : nullptr;
  };
  if (node.op() != "Add" && node.op() != "Where") return nullptr;
  // Of ids that a condition says are below zero, where they are counted from the end.
  absl::string_view name;
  absl::string_view condition;
  absl::string_view from_end;
  if (node.op() == "Where") {
    name = node.input(2);
    condition = node.input(0);
    from_end = node.input(1);
  } else {
    const GraphNode* const below = maker(node.input(0), "Mul");
    const GraphNode* const other = maker(node.input(1), "Mul");
    if (below == nullptr || other == nullptr) return nullptr;
    const GraphNode* const is_below = maker(below->input(0), "Cast");
    const GraphNode* const is_other = maker(other->input(1), "Cast");
    if (is_below == nullptr || is_other == nullptr) return nullptr;
    const GraphNode* const negation = maker(is_other->input(0), "Not");
    name = other->input(0);
    condition = is_below->input(0);
    from_end = below->input(1);
    if (negation == nullptr || !IsInteger(IntOf(*is_below, "to", 0)) ||
        !IsInteger(IntOf(*is_other, "to", 0)) ||
        values.Resolve(negation->input(0)) != values.Resolve(condition)) {
      return nullptr;
    }
  }
  const IdColumns* const ids = Find(name);
  if (ids == nullptr || ids->refusal != nullptr || !ids->are_integers) return nullptr;
  const auto are_the_ids = [&](absl::string_view value) {
    const IdColumns* const others = Find(value);
    return others != nullptr && others->shape == ids->shape &&
           values.Resolve(value) == values.Resolve(name);
  };
  const auto number = [&](absl::string_view value) {
    const Constant* const constant = values.ConstantOf(value);
    return constant != nullptr && constant->size() == 1 && constant->rank() <= 1
               ? std::optional(constant->At(0))
               : std::nullopt;
  };
  const GraphNode* const less = maker(condition, "Less");
  const GraphNode* const sum = maker(from_end, "Add");
  const bool are_counted = less != nullptr && sum != nullptr && are_the_ids(less->input(0)) &&
                           number(less->input(1)) == 0.0 && are_the_ids(sum->input(0)) &&
                           number(sum->input(1)).has_value();
  return are_counted ? ids : nullptr;
}

void IdColumnsOfValues::AddNode(const GraphNode& node, const GraphValues& values) {
  if (node.proto->output_size() == 0 || node.proto->output(0).empty()) return;
  if (const IdColumns* const ids = FindCounted(node, values)) {
    const IdColumns counted = *ids;
    columns_.emplace(node.proto->output(0), counted);
    return;
  }
  const IdColumns* const found = Find(node.input(0));
  if (found == nullptr) return;
  IdColumns ids = *found;
  if (ids.refusal == nullptr) {
    const bool is_known = CheckOperator(node).ok();
    if (is_known && node.op() == "Split") return AddSplit(node, ids, values);
    ids.refusal = is_known ? Move(node, values, &ids) : kNoIds;
    if (ids.refusal != nullptr) ids.refused_by = &node;
  }
  columns_.emplace(node.proto->output(0), ids);
}

void IdColumnsOfValues::AddSplit(const GraphNode& node, const IdColumns& from,
                                 const GraphValues& values) {
  const auto sizes = SplitSizes(node, values, from.count);
  const bool by_columns =
      from.shape != Shape::kBatch && IsAxis(IntOf(node, "axis", 0), ColumnAxis(from.shape));
  std::int64_t begin = 0;
  for (int i = 0; i < node.proto->output_size(); ++i) {
    IdColumns ids = from;
    if (ids.shape == Shape::kUndeclared) ids.shape = Shape::kBatchByColumns;
    ids.refusal = kNoPick;
    if (by_columns && sizes.has_value()) {
      const std::int64_t size = (*sizes)[static_cast<std::size_t>(i)];
      ids.refusal = Pick(begin, size, &ids);
      begin += size;
    }
    if (ids.refusal != nullptr) ids.refused_by = &node;
    if (!node.proto->output(i).empty()) columns_.emplace(node.proto->output(i), ids);
  }
}

const IdColumns* IdColumnsOfValues::Find(absl::string_view name) const {
  const auto found = columns_.find(name);
  return found == columns_.end() ? nullptr : &found->second;
}

}  // namespace descent::exchange
