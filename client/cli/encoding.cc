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

// For each category of the column, its index among those of the encoding, or kNoCategory.
std::vector<int32_t> IndexByCode(const std::vector<std::string>& known, const Column& column) {
  absl::flat_hash_map<absl::string_view, int32_t> index;
  for (size_t i = 0; i < known.size(); ++i) index[known[i]] = static_cast<int32_t>(i);
  std::vector<int32_t> index_by_code;
  for (const std::string& category : column.categories) {
    const auto found = index.find(category);
    index_by_code.push_back(found == index.end() ? kNoCategory : found->second);
  }
  return index_by_code;
}

// Takes the column's numbers and encodes them where they are.
absl::StatusOr<std::vector<double>> EncodeNumbers(const NumberEncoding& encoding,
                                                  const Table& table, Column* column) {
  const auto& [mean, scale] = encoding.standardization;
  std::vector<double> numbers = std::move(column->numbers);
  for (size_t row = 0; row < numbers.size(); ++row) {
    const double value = std::isnan(numbers[row]) ? encoding.median : numbers[row];
    numbers[row] = (value - mean) / scale;
    if (std::isfinite(static_cast<float>(numbers[row]))) continue;
    return DataError(
        table.PlaceOf(static_cast<int64_t>(row), *column),
        std::isnan(value)
            ? absl::StrCat(column->schema.name,
                           " is missing, and nothing is known of this model's data to "
                           "put in its place")
            : absl::StrCat(column->schema.name, " is ", value, ", too far from the others"));
  }
  return numbers;
}

std::vector<int32_t> EncodeCategories(const CategoryEncoding& encoding, const Table& table,
                                      const Column& column, UnknownCategories* unknown) {
  const std::vector<int32_t> index = IndexByCode(encoding.categories, column);
  std::vector<int32_t> codes;
  codes.reserve(column.codes.size());
  for (const int32_t code : column.codes) {
    if (index[code] == kNoCategory && unknown->cells++ == 0) {
      unknown->first = table.PlaceOf(static_cast<int64_t>(codes.size()), column);
      unknown->example = column.categories[code];
    }
    codes.push_back(index[code]);
  }
  return codes;
}

absl::StatusOr<std::vector<double>> EncodeTargets(const TargetEncoding& encoding, Table* table) {
  Column& column = *table->target;
  if (const auto* standardization = std::get_if<Standardization>(&encoding.values)) {
    return EncodeNumbers({*standardization, 0}, *table, &column);
  }
  const std::vector<std::string>& classes = *encoding.classes();
  const std::vector<int32_t> index = IndexByCode(classes, column);
  std::vector<double> targets;
  targets.reserve(column.codes.size());
  for (const int32_t code : column.codes) {
    if (index[code] == kNoCategory) {
      return DataError(
          table->PlaceOf(static_cast<int64_t>(targets.size()), column),
          absl::StrCat("\"", column.categories[code], "\" is no class of ", column.schema.name,
                       ", which is one of ", absl::StrJoin(classes, ", ")));
    }
    targets.push_back(index[code]);
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

absl::StatusOr<Dataset> Encode(const Encoding& encoding, Table table, UnknownCategories* unknown) {
  Dataset dataset;
  dataset.rows = table.rows();
  dataset.features = encoding.features();
  for (size_t i = 0; i < encoding.inputs.size(); ++i) {
    const InputEncoding& input = encoding.inputs[i];
    EncodedColumn& column = dataset.inputs.emplace_back();
    column.width = input.width();
    if (const auto* number = std::get_if<NumberEncoding>(&input.values)) {
      ASSIGN_OR_RETURN(column.numbers, EncodeNumbers(*number, table, &table.inputs[i]));
    } else {
      column.codes = EncodeCategories(std::get<CategoryEncoding>(input.values), table,
                                      table.inputs[i], unknown);
    }
  }
  if (table.target.has_value()) {
    ASSIGN_OR_RETURN(dataset.targets, EncodeTargets(encoding.target, &table));
  }
  return dataset;
}

}  // namespace descent::cli
