#include "server/wire/categories.h"

#include <bit>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/embeddings/first_table.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "core/text_view.h"
#include "server/wire/request_fields.h"
#include "server/wire/tensor_checks.h"
#include "xxhash.h"

namespace descent::wire {
namespace {

using google::protobuf::RepeatedPtrField;
using Messages = RepeatedPtrField<v1::CategoricalValues>;

static_assert(std::endian::native == std::endian::little);

std::int32_t HashedBucket(const CategoricalInputSpec& input, const void* bytes, std::size_t size) {
  return static_cast<std::int32_t>(XXH64(bytes, size, /*seed=*/0) %
                                   static_cast<std::uint64_t>(input.buckets));
}

absl::Status DecodeIds(const CategoricalInputSpec& input, const v1::Tensor& ids,
                       CategoryValues* values) {
  ASSIGN_OR_RETURN(const std::vector<std::int64_t> numbers, DecodeIntegers("ids", ids));
  values->buckets.reserve(numbers.size());
  for (const std::int64_t id : numbers) {
    const std::int32_t bucket = BucketOf(input, id);
    if (bucket < 0) {
      const std::int64_t row = values->RowOf(static_cast<std::int64_t>(values->buckets.size()));
      return InvalidField(
          "ids",
          absl::StrCat("expected an id in [0, ", input.buckets, "), got ", id, " at row ", row),
          {{"row", absl::StrCat(row)}});
    }
    values->buckets.push_back(bucket);
  }
  return absl::OkStatus();
}

absl::Status DecodeStrings(const CategoricalInputSpec& input, const v1::StringValues& strings,
                           CategoryValues* values) {
  if (input.hashing == Hashing::kNone) return TextsNotHashed("strings", input);
  values->buckets.reserve(static_cast<std::size_t>(strings.values_size()));
  for (const std::string& text : strings.values()) {
    values->buckets.push_back(BucketOf(input, text));
  }
  return absl::OkStatus();
}

// The values of one input for `rows` rows, or any number of them.
absl::StatusOr<CategoryValues> DecodeValues(const CategoricalInputSpec& input,
                                            const v1::CategoricalValues& message, std::int64_t rows,
                                            DataType type) {
  if (message.has_ids() && message.has_strings()) {
    return ContradictoryField("strings", "ids are set already");
  }
  if (!message.has_ids() && !message.has_strings()) return RequiredField("ids");
  CategoryValues values;
  if (message.has_row_splits()) {
    ASSIGN_OR_RETURN(values.row_splits, DecodeIntegers("row_splits", message.row_splits()));
    if (values.row_splits.empty()) {
      return InvalidField("row_splits", "expected one more than there are rows, got none", {},
                          "WRONG_SHAPE");
    }
  }
  RETURN_IF_ERROR(message.has_ids() ? DecodeIds(input, message.ids(), &values)
                                    : DecodeStrings(input, message.strings(), &values));
  if (message.has_weights()) {
    ASSIGN_OR_RETURN(values.weights,
                     DecodeVector("weights", message.weights(), values.size(), type));
  }
  RETURN_IF_ERROR(
      ValidateCategoryValues(input, values, rows == kAnyRows ? values.rows() : rows, type));
  return values;
}

// `expected`: where it is if a request has them in the network's order, as most do.
absl::StatusOr<std::size_t> FindInput(const std::string& name, const Network& network,
                                      std::size_t expected) {
  const auto& inputs = network.spec().categorical_inputs;
  if (name.empty()) return RequiredField("name");
  if (expected < inputs.size() && inputs[expected].name == name) return expected;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].name == name) return i;
  }
  return InvalidField("name",
                      absl::StrCat("the network has no categorical input ", QuotedText(name),
                                   inputs.empty() ? ", nor any other" : ""),
                      {}, "UNKNOWN_CATEGORICAL_INPUT");
}

absl::Status At(int i, absl::Status status) {
  return WithFieldPrefix(std::move(status), absl::StrCat("categories[", i, "]"));
}

// Values for each input of the network, which must have as many rows as the numeric inputs, *rows,
// or each other if that is kAnyRows, which it becomes.
absl::StatusOr<Categories> DecodeCategories(const Messages& messages, const Network& network,
                                            std::int64_t* rows) {
  const auto& inputs = network.spec().categorical_inputs;
  Categories categories(inputs.size());
  std::vector<bool> seen(inputs.size());
  for (int i = 0; i < messages.size(); ++i) {
    const auto found = FindInput(messages[i].name(), network, static_cast<std::size_t>(i));
    if (!found.ok()) return At(i, found.status());
    if (seen[*found]) {
      return At(i,
                ContradictoryField("name", absl::StrCat(inputs[*found].name, " is there twice")));
    }
    seen[*found] = true;
    auto values = DecodeValues(inputs[*found], messages[i], *rows, network.data_type());
    if (!values.ok()) return At(i, std::move(values).status());
    *rows = values->rows();
    categories[*found] = *std::move(values);
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (seen[i]) continue;
    return InvalidField(
        "categories",
        absl::StrCat("the network's categorical input ", QuotedText(inputs[i].name), " is missing"),
        {}, "REQUIRED_FIELD");
  }
  return categories;
}

// Rows of a table: each once and rising.
absl::StatusOr<std::vector<std::int32_t>> DecodeTableRows(const v1::SparseRows& message,
                                                          const PlacedTable& table) {
  std::vector<std::int32_t> rows;
  rows.reserve(static_cast<std::size_t>(message.rows_size()));
  for (const std::int64_t row : message.rows()) {
    const std::int64_t least = rows.empty() ? 0 : std::int64_t{rows.back()} + 1;
    if (row < least || row >= table.buckets) {
      return InvalidField("rows", absl::StrCat("expected rising numbers in [0, ", table.buckets,
                                               "), got ", row, " at index ", rows.size()));
    }
    rows.push_back(static_cast<std::int32_t>(row));
  }
  return rows;
}

// Which table a message is about, counted among the tables. `expected` as above.
absl::StatusOr<std::size_t> FindTable(const std::string& name, const Network& network,
                                      std::size_t expected) {
  if (name.empty()) return RequiredField("name");
  const ParameterLayout& layout = network.layout();
  const std::size_t first = FirstTable(network);
  if (expected < network.tables().size() && layout.parameters()[first + expected].name == name) {
    return expected;
  }
  const int index = layout.Find(name);
  if (index >= 0 && static_cast<std::size_t>(index) >= first) {
    return static_cast<std::size_t>(index) - first;
  }
  return InvalidField("name", absl::StrCat("the network has no table ", QuotedText(name)), {},
                      "UNKNOWN_TABLE");
}

}  // namespace

std::int32_t BucketOf(const CategoricalInputSpec& input, std::int64_t id) {
  if (input.hashing == Hashing::kXxh64) return HashedBucket(input, &id, sizeof id);
  return id >= 0 && id < input.buckets ? static_cast<std::int32_t>(id) : -1;
}

std::int32_t BucketOf(const CategoricalInputSpec& input, std::string_view text) {
  return HashedBucket(input, text.data(), text.size());
}

absl::Status TextsNotHashed(std::string_view field, const CategoricalInputSpec& input) {
  return InvalidField(field, absl::StrCat("the network takes ids of ", input.name,
                                          ", for it does not hash (HASHING_NONE)"));
}

absl::StatusOr<DecodedInputs> DecodeInputs(bool has_inputs, const v1::Tensor& inputs,
                                           const Messages& categories, const Network& network) {
  DecodedInputs decoded;
  const bool is_numeric = network.input_features() > 0;
  std::int64_t rows = kAnyRows;
  if (is_numeric) {
    if (!has_inputs) return RequiredField("inputs");
    ASSIGN_OR_RETURN(decoded.inputs, DecodeMatrix("inputs", inputs, kAnyRows,
                                                  network.input_features(), network.data_type()));
    rows = decoded.inputs.rows();
  } else if (has_inputs) {
    return ContradictoryField("inputs", "the network has no numeric inputs");
  }
  if (network.tables().empty() && categories.empty()) return decoded;
  ASSIGN_OR_RETURN(decoded.categories, DecodeCategories(categories, network, &rows));
  if (is_numeric) return decoded;
  if (rows < 1) {
    return InvalidField("categories", "expected at least one row, got none", {}, "WRONG_SHAPE");
  }
  decoded.inputs = Matrix(network.data_type(), rows, 0);
  return decoded;
}

Encoding EncodingOf(const v1::Tensor& inputs, const Messages& categories) {
  if (inputs.contents_case() != v1::Tensor::CONTENTS_NOT_SET) return EncodingOf(inputs);
  for (const v1::CategoricalValues& values : categories) {
    if (values.has_strings() || values.ids().has_ints()) return Encoding::kNumbers;
  }
  return Encoding::kRaw;
}

absl::StatusOr<TableGradients> DecodeTableGradients(
    std::string_view field, const RepeatedPtrField<v1::SparseRows>& messages,
    const Network& network) {
  const auto& tables = network.tables();
  TableGradients gradients;
  if (tables.empty() && messages.empty()) return gradients;
  gradients.rows.resize(tables.size());
  std::vector<const v1::SparseRows*> sent(tables.size());
  std::vector<int> places(tables.size());
  const auto at = [&](int i, absl::Status status) {
    return WithFieldPrefix(std::move(status), absl::StrCat(View(field), "[", i, "]"));
  };
  for (int i = 0; i < messages.size(); ++i) {
    const auto found = FindTable(messages[i].name(), network, static_cast<std::size_t>(i));
    if (!found.ok()) return at(i, found.status());
    if (sent[*found] != nullptr) {
      return at(i, ContradictoryField("name", absl::StrCat(messages[i].name(), " is there twice")));
    }
    sent[*found] = &messages[i];
    places[*found] = i;
    auto rows = DecodeTableRows(messages[i], tables[*found]);
    if (!rows.ok()) return at(i, std::move(rows).status());
    gradients.rows[*found] = *std::move(rows);
  }
  const std::size_t first = FirstTable(network);
  for (std::size_t t = 0; t < tables.size(); ++t) {
    if (sent[t] != nullptr) continue;
    return InvalidField(field,
                        absl::StrCat("expected the gradients of all ", tables.size(), " tables, ",
                                     network.layout().parameters()[first + t].name, " is missing"),
                        {}, "REQUIRED_FIELD");
  }
  // What is allocated is bounded by what was sent: shapes are checked before.
  for (std::size_t t = 0; t < tables.size(); ++t) {
    const auto rows = static_cast<std::int64_t>(gradients.rows[t].size());
    if (rows == 0 && !sent[t]->has_values()) continue;
    absl::Status status =
        CheckTensorShape("values", sent[t]->values(), {rows, tables[t].dimension});
    if (!status.ok()) return at(places[t], std::move(status));
  }
  gradients.values.Resize(network.data_type(), TableGradients::CountValues(tables, gradients.rows));
  std::int64_t offset = 0;
  for (std::size_t t = 0; t < tables.size(); ++t) {
    const auto rows = static_cast<std::int64_t>(gradients.rows[t].size());
    if (rows == 0) continue;
    absl::Status status = DecodeInto("values", sent[t]->values(), {rows, tables[t].dimension},
                                     Conversion::kAny, offset, &gradients.values);
    if (!status.ok()) return at(places[t], std::move(status));
    offset += rows * tables[t].dimension;
  }
  return gradients;
}

void EncodeTableGradient(const Network& network, std::size_t table, const TableGradients& gradients,
                         Encoding encoding, v1::SparseRows* message) {
  const auto& rows = gradients.rows[table];
  message->mutable_rows()->Add(rows.begin(), rows.end());
  EncodeTensor(gradients.values, gradients.RangeOf(network.tables(), table).begin,
               {static_cast<std::int64_t>(rows.size()), network.tables()[table].dimension},
               encoding, message->mutable_values());
}

}  // namespace descent::wire
