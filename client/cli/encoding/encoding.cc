#include "client/cli/encoding/encoding.h"

#include <cmath>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/cli/failure.h"
#include "client/cli/format.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

// For each category of the column, its index among those of the encoding, or kNoCategory.
std::vector<int32_t> IndexByCode(const std::vector<std::string>& known, const Column& column) {
  absl::flat_hash_map<absl::string_view, int32_t> index;
  for (size_t i = 0; i < known.size(); ++i) index[known[i]] = static_cast<int32_t>(i);
  std::vector<int32_t> index_by_code;
  index_by_code.reserve(column.categories.size());
  for (const std::string& category : column.categories) {
    const auto found = index.find(category);
    index_by_code.push_back(found == index.end() ? kNoCategory : found->second);
  }
  return index_by_code;
}

std::string TooFar(const std::string& name, double value, const Standardization& standardization,
                   bool float64) {
  const char* type = float64 ? "float64" : "float32";
  const bool as_it_is = standardization.mean == 0 && standardization.scale == 1;
  return as_it_is ? absl::StrCat(name, " is ", value, ", more than ", type, " holds")
                  : absl::StrCat(name, " is ", value, ", too far from the others for ", type);
}

// The first row that can't be encoded, or else how many there are, and why it can't.
struct End {
  int64_t row = 0;
  absl::Status why;

  void Set(int64_t at, absl::Status reason) {
    row = at;
    why = std::move(reason);
  }
};

// Takes the column's numbers and encodes them where they are, up to the end.
std::vector<double> EncodeNumbers(const NumberEncoding& encoding, const Table& table, bool float64,
                                  Column* column, End* end) {
  std::vector<double> numbers = std::move(column->numbers);
  for (int64_t row = 0; row < end->row; ++row) {
    const double value = std::isnan(numbers[row]) ? encoding.median : numbers[row];
    numbers[row] = encoding.standardization.Encode(value);
    if (std::isfinite(float64 ? numbers[row] : static_cast<float>(numbers[row]))) continue;
    end->Set(row, DataError(
                      table.PlaceOf(row, *column),
                      std::isnan(value)
                          ? absl::StrCat(column->schema.name,
                                         " is missing, and nothing is known of this model's data "
                                         "to put in its place")
                          : TooFar(column->schema.name, value, encoding.standardization, float64)));
  }
  return numbers;
}

std::vector<int32_t> EncodeCategories(const CategoryEncoding& encoding, const Table& table,
                                      const Column& column, int64_t rows,
                                      UnknownCategories* unknown) {
  const std::vector<int32_t> index = IndexByCode(encoding.categories, column);
  std::vector<int32_t> codes;
  codes.reserve(static_cast<size_t>(rows));
  for (int64_t row = 0; row < rows; ++row) {
    const int32_t code = column.codes[row];
    if (index[code] == kNoCategory && unknown->cells++ == 0) {
      unknown->first = table.PlaceOf(row, column);
      unknown->example = column.categories[code];
    }
    codes.push_back(index[code]);
  }
  return codes;
}

void CheckCounts(const Table& table, const std::string& loss, End* end) {
  const Column& column = *table.target;
  for (int64_t row = 0; row < end->row; ++row) {
    if (!(column.numbers[row] < 0)) continue;
    end->Set(row,
             DataError(table.PlaceOf(row, column),
                       absl::StrCat(column.schema.name, " is ", column.numbers[row], ", and ", loss,
                                    " takes counts, which are not negative; --loss "
                                    "mean_squared_error takes any number")));
  }
}

std::vector<double> EncodeTargets(const TargetEncoding& encoding, const NumberTerms& terms,
                                  Table* table, End* end) {
  Column& column = *table->target;
  if (const auto* standardization = std::get_if<Standardization>(&encoding.values)) {
    if (terms.counts) CheckCounts(*table, terms.loss, end);
    return EncodeNumbers({*standardization, 0}, *table, terms.float64, &column, end);
  }
  const std::vector<std::string>& classes = *encoding.classes();
  const std::vector<int32_t> index = IndexByCode(classes, column);
  std::vector<double> targets;
  targets.reserve(column.codes.size());
  for (int64_t row = 0; row < end->row; ++row) {
    const int32_t code = column.codes[row];
    targets.push_back(index[code]);
    if (index[code] != kNoCategory) continue;
    end->Set(row,
             DataError(table->PlaceOf(row, column),
                       absl::StrCat("\"", Shortened(column.categories[code]), "\" is no class of ",
                                    column.schema.name, ", which is one of ", SomeOf(classes))));
  }
  return targets;
}

// Whether the categories are numbers as a column of numbers spells them.
bool AreNumbers(const std::vector<std::string>& categories) {
  return std::all_of(categories.begin(), categories.end(), [](const std::string& category) {
    const std::optional<double> number = ParseNumber(category);
    return category == kMissingCategory || (number.has_value() && SpellNumber(*number) == category);
  });
}

// `values` are an input's or a target's.
template <typename Values>
ColumnSchema SchemaOf(const std::string& name, int64_t field, const std::string& unit,
                      const Values& values) {
  ColumnSchema schema{name, ColumnKind::kNumber, field, unit};
  if (const auto* category = std::get_if<CategoryEncoding>(&values)) {
    schema.kind = ColumnKind::kCategory;
    schema.numeric = AreNumbers(category->categories);
  }
  return schema;
}

ColumnSchema SchemaOf(const InputEncoding& input) {
  ColumnSchema schema = SchemaOf(input.name, input.field, input.unit, input.values);
  schema.part = input.part;
  if (const auto* embedded = std::get_if<EmbeddedEncoding>(&input.values)) {
    schema.kind = ColumnKind::kCategory;
    schema.numeric = embedded->numeric;
    schema.embed = EmbedSizes{embedded->dimension, embedded->buckets};
  }
  return schema;
}

TableSchema SchemaOf(const Encoding& encoding, bool with_target) {
  TableSchema schema;
  for (const InputEncoding& input : encoding.inputs) schema.inputs.push_back(SchemaOf(input));
  if (with_target) {
    const TargetEncoding& target = encoding.target;
    schema.target = SchemaOf(target.name, target.field, target.unit, target.values);
  }
  return schema;
}

absl::StatusOr<TableSchema> SchemaByName(const Encoding& encoding, const RecordReader& reader,
                                         bool with_target) {
  TableSchema schema = SchemaOf(encoding, with_target);
  absl::flat_hash_map<absl::string_view, int64_t> fields;
  for (size_t i = 0; i < reader.columns().size(); ++i) {
    fields.emplace(reader.columns()[i], static_cast<int64_t>(i));
  }
  const auto find = [&](ColumnSchema* column) -> absl::Status {
    const auto found = fields.find(column->name);
    if (found == fields.end()) {
      return DataError({reader.name(), 1}, absl::StrCat("no column is called \"", column->name,
                                                        "\", which the model was trained with"));
    }
    column->field = found->second;
    return absl::OkStatus();
  };
  for (ColumnSchema& input : schema.inputs) RETURN_IF_ERROR(find(&input));
  if (with_target) RETURN_IF_ERROR(find(&*schema.target));
  return schema;
}

absl::StatusOr<TableSchema> SchemaByPosition(const Encoding& encoding, const RecordReader& reader,
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
  if (std::holds_alternative<NumberEncoding>(values)) return 1;
  const auto* category = std::get_if<CategoryEncoding>(&values);
  return category == nullptr ? 0 : static_cast<int64_t>(category->categories.size());
}

const std::vector<std::string>* TargetEncoding::classes() const {
  const auto* category = std::get_if<CategoryEncoding>(&values);
  return category == nullptr ? nullptr : &category->categories;
}

std::string PositiveClass(const TargetEncoding& target) {
  const std::vector<std::string>* classes = target.classes();
  return classes != nullptr && classes->size() == 2 ? classes->back() : "";
}

absl::Status SetPositive(const std::string& label, TargetEncoding* target) {
  auto* encoding = std::get_if<CategoryEncoding>(&target->values);
  if (encoding == nullptr || encoding->categories.size() != 2) {
    return UsageError(absl::StrCat(
        "--positive is for targets of two classes, and ", target->name,
        encoding == nullptr ? " is a number" : absl::StrCat(" has ", encoding->categories.size())));
  }
  std::vector<std::string>& labels = encoding->categories;
  const auto same = [&label](const std::string& known) {
    const std::optional<double> number = ParseNumber(label);
    return known == label || (number.has_value() && number == ParseNumber(known));
  };
  if (same(labels.front())) {
    std::swap(labels.front(), labels.back());
  } else if (!same(labels.back())) {
    return UsageError(absl::StrCat("--positive: \"", label, "\" is no class of ", target->name,
                                   ", which is one of ", SomeOf(labels)));
  }
  return absl::OkStatus();
}

int64_t Encoding::features() const {
  int64_t features = 0;
  for (const InputEncoding& input : inputs) features += input.width();
  return features;
}

std::vector<const EmbeddedEncoding*> Encoding::embedded() const {
  std::vector<const EmbeddedEncoding*> embedded;
  for (const InputEncoding& input : inputs) {
    if (const auto* each = std::get_if<EmbeddedEncoding>(&input.values)) embedded.push_back(each);
  }
  return embedded;
}

absl::StatusOr<TableSchema> SchemaFor(const Encoding& encoding, const RecordReader& reader,
                                      bool header, bool with_target) {
  return header && encoding.named ? SchemaByName(encoding, reader, with_target)
                                  : SchemaByPosition(encoding, reader, with_target);
}

const ColumnSchema& Dataset::ColumnOf(int64_t feature) const {
  auto column = inputs.begin();
  for (; feature >= column->width; ++column) feature -= column->width;
  return column->schema;
}

Place Dataset::PlaceOf(int64_t row, const ColumnSchema& column) const {
  return {source, lines[row], column.field + 1};
}

std::string UnknownCategories::Text() const {
  if (cells == 0) return "";
  return absl::StrCat(FormatCount(cells),
                      cells == 1 ? " cell holds a category" : " cells hold categories",
                      " that training never saw, such as \"", Shortened(example), "\" at ",
                      ToString(first), "; they count as none of the known ones");
}

Dataset EncodeUntil(absl::Status* problem, const Encoding& encoding, Table table,
                    const NumberTerms& terms, UnknownCategories* unknown) {
  Dataset dataset;
  dataset.features = encoding.features();
  dataset.float64 = terms.float64;
  dataset.source = table.source;
  dataset.inputs.resize(encoding.inputs.size());
  End end{table.rows(), absl::OkStatus()};
  for (size_t i = 0; i < encoding.inputs.size(); ++i) {
    EncodedColumn& column = dataset.inputs[i];
    column.schema = table.inputs[i].schema;
    column.width = encoding.inputs[i].width();
    const auto* number = std::get_if<NumberEncoding>(&encoding.inputs[i].values);
    if (number == nullptr) continue;
    column.numbers = EncodeNumbers(*number, table, terms.float64, &table.inputs[i], &end);
  }
  if (table.target.has_value()) {
    dataset.target = table.target->schema;
    dataset.targets = EncodeTargets(encoding.target, terms, &table, &end);
    dataset.targets.resize(static_cast<size_t>(end.row));
  }
  const auto rows = static_cast<size_t>(end.row);
  for (size_t i = 0; i < encoding.inputs.size(); ++i) {
    EncodedColumn& column = dataset.inputs[i];
    if (const auto* category = std::get_if<CategoryEncoding>(&encoding.inputs[i].values)) {
      column.codes = EncodeCategories(*category, table, table.inputs[i], end.row, unknown);
    } else if (const auto* embedded = std::get_if<EmbeddedEncoding>(&encoding.inputs[i].values)) {
      column.input = embedded->input;
      column.codes = std::move(table.inputs[i].codes);
      column.codes.resize(rows);
      column.texts = std::move(table.inputs[i].categories);
    } else {
      column.numbers.resize(rows);
    }
  }
  dataset.rows = end.row;
  dataset.lines = std::move(table.lines);
  dataset.lines.resize(rows);
  dataset.kept = std::move(table.kept);
  for (std::vector<std::string>& cells : dataset.kept) cells.resize(rows);
  *problem = std::move(end.why);
  return dataset;
}

absl::StatusOr<Dataset> Encode(const Encoding& encoding, Table table, const NumberTerms& terms,
                               UnknownCategories* unknown) {
  absl::Status problem;
  Dataset dataset = EncodeUntil(&problem, encoding, std::move(table), terms, unknown);
  if (!problem.ok()) return problem;
  return dataset;
}

}  // namespace descent::cli
