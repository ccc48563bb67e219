#include "client/cli/encoding.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

constexpr int64_t kUnknown = -1;

// For each category of the column, its index among those of the encoding, or kUnknown.
std::vector<int64_t> IndexByCode(const std::vector<std::string>& known, const Column& column) {
  absl::flat_hash_map<absl::string_view, int64_t> index;
  for (size_t i = 0; i < known.size(); ++i) index[known[i]] = static_cast<int64_t>(i);
  std::vector<int64_t> index_by_code;
  for (const std::string& category : column.categories) {
    const auto found = index.find(category);
    index_by_code.push_back(found == index.end() ? kUnknown : found->second);
  }
  return index_by_code;
}

// The input columns encode one column of the table: `width` numbers from `first` on in each row.
struct Slot {
  int64_t first = 0;
  int64_t features = 0;
  float* inputs = nullptr;

  float* Row(int64_t row) const { return inputs + row * features + first; }
};

absl::Status EncodeNumbers(const NumberEncoding& encoding, const Table& table, const Column& column,
                           const Slot& slot) {
  const auto& [mean, scale] = encoding.standardization;
  for (int64_t row = 0; row < table.rows(); ++row) {
    const double cell = column.numbers[row];
    const double value = std::isnan(cell) ? encoding.median : cell;
    *slot.Row(row) = static_cast<float>((value - mean) / scale);
    if (std::isnan(value)) {
      return DataError(table.PlaceOf(row, column),
                       absl::StrCat(column.schema.name,
                                    " is missing, and nothing is known of "
                                    "this model's data to put in its place"));
    }
    if (!std::isfinite(*slot.Row(row))) {
      return DataError(table.PlaceOf(row, column), absl::StrCat(column.schema.name, " is ", value,
                                                                ", too far from the others"));
    }
  }
  return absl::OkStatus();
}

void EncodeCategories(const CategoryEncoding& encoding, const Table& table, const Column& column,
                      const Slot& slot, UnknownCategories* unknown) {
  const std::vector<int64_t> index = IndexByCode(encoding.categories, column);
  for (int64_t row = 0; row < table.rows(); ++row) {
    const int32_t code = column.codes[row];
    if (index[code] != kUnknown) {
      slot.Row(row)[index[code]] = 1.0F;
    } else if (unknown->cells++ == 0) {
      unknown->first = table.PlaceOf(row, column);
      unknown->example = column.categories[code];
    }
  }
}

absl::StatusOr<std::vector<float>> EncodeTargets(const TargetEncoding& encoding,
                                                 const Table& table) {
  const Column& column = *table.target;
  std::vector<float> targets(static_cast<size_t>(table.rows()));
  if (const auto* standardization = std::get_if<Standardization>(&encoding.values)) {
    const NumberEncoding numbers{*standardization, 0};
    RETURN_IF_ERROR(EncodeNumbers(numbers, table, column, {0, 1, targets.data()}));
    return targets;
  }
  const std::vector<std::string>& classes = *encoding.classes();
  const std::vector<int64_t> index = IndexByCode(classes, column);
  for (int64_t row = 0; row < table.rows(); ++row) {
    const int32_t code = column.codes[row];
    if (index[code] == kUnknown) {
      return DataError(
          table.PlaceOf(row, column),
          absl::StrCat("\"", column.categories[code], "\" is no class of ", column.schema.name,
                       ", which is one of ", absl::StrJoin(classes, ", ")));
    }
    targets[row] = static_cast<float>(index[code]);
  }
  return targets;
}

TableSchema SchemaOf(const Encoding& encoding, bool with_target) {
  TableSchema schema;
  for (const InputEncoding& input : encoding.inputs) {
    const bool number = std::holds_alternative<NumberEncoding>(input.values);
    schema.inputs.push_back(
        {input.name, number ? ColumnKind::kNumber : ColumnKind::kCategory, input.field});
  }
  if (with_target) {
    const bool number = encoding.target.classes() == nullptr;
    schema.target = {encoding.target.name, number ? ColumnKind::kNumber : ColumnKind::kCategory,
                     encoding.target.field};
  }
  return schema;
}

absl::StatusOr<TableSchema> SchemaByName(const Encoding& encoding, const CsvReader& reader,
                                         bool with_target) {
  TableSchema schema = SchemaOf(encoding, with_target);
  const auto find = [&reader](ColumnSchema* column) -> absl::Status {
    const std::vector<std::string>& names = reader.columns();
    const auto found = std::find(names.begin(), names.end(), column->name);
    if (found == names.end()) {
      return DataError({reader.name(), 1}, absl::StrCat("no column is called \"", column->name,
                                                        "\", which the model was trained with"));
    }
    column->field = found - names.begin();
    return absl::OkStatus();
  };
  for (ColumnSchema& input : schema.inputs) RETURN_IF_ERROR(find(&input));
  if (with_target) RETURN_IF_ERROR(find(&*schema.target));
  return schema;
}

absl::StatusOr<TableSchema> SchemaByPosition(const Encoding& encoding, const CsvReader& reader,
                                             bool with_target) {
  TableSchema schema = SchemaOf(encoding, with_target);
  const auto fields = static_cast<int64_t>(reader.columns().size());
  const auto inputs = static_cast<int64_t>(schema.inputs.size());
  if (fields == encoding.fields) return schema;
  if (!with_target && fields == encoding.fields - 1) {
    for (ColumnSchema& input : schema.inputs) {
      if (input.field > encoding.target.field) --input.field;
    }
    return schema;
  }
  if (!with_target && fields == inputs) {
    for (int64_t i = 0; i < inputs; ++i) schema.inputs[i].field = i;
    return schema;
  }
  const std::string expected = with_target
                                   ? absl::StrCat(encoding.fields)
                                   : absl::StrCat(inputs, inputs == 1 ? " input" : " inputs",
                                                  ", or ", encoding.fields, " with the target");
  return DataError({reader.name(), 1},
                   absl::StrCat("expected ", expected, " fields, got ", fields));
}

}  // namespace

int64_t InputEncoding::width() const {
  const auto* category = std::get_if<CategoryEncoding>(&values);
  return category == nullptr ? 1 : static_cast<int64_t>(category->categories.size());
}

const std::vector<std::string>* TargetEncoding::classes() const {
  const auto* category = std::get_if<CategoryEncoding>(&values);
  return category == nullptr ? nullptr : &category->categories;
}

int64_t Encoding::features() const {
  int64_t features = 0;
  for (const InputEncoding& input : inputs) features += input.width();
  return features;
}

absl::StatusOr<TableSchema> SchemaFor(const Encoding& encoding, const CsvReader& reader,
                                      bool header, bool with_target) {
  return header && encoding.named ? SchemaByName(encoding, reader, with_target)
                                  : SchemaByPosition(encoding, reader, with_target);
}

absl::StatusOr<Dataset> Encode(const Encoding& encoding, const Table& table,
                               UnknownCategories* unknown) {
  Dataset dataset;
  dataset.rows = table.rows();
  dataset.features = encoding.features();
  dataset.inputs.assign(static_cast<size_t>(dataset.rows * dataset.features), 0.0F);
  Slot slot{0, dataset.features, dataset.inputs.data()};
  for (size_t i = 0; i < encoding.inputs.size(); ++i) {
    const InputEncoding& input = encoding.inputs[i];
    if (const auto* number = std::get_if<NumberEncoding>(&input.values)) {
      RETURN_IF_ERROR(EncodeNumbers(*number, table, table.inputs[i], slot));
    } else {
      EncodeCategories(std::get<CategoryEncoding>(input.values), table, table.inputs[i], slot,
                       unknown);
    }
    slot.first += input.width();
  }
  if (table.target.has_value()) {
    ASSIGN_OR_RETURN(dataset.targets, EncodeTargets(encoding.target, table));
  }
  return dataset;
}

}  // namespace descent::cli
