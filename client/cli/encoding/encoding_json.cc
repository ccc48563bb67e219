#include "client/cli/encoding/encoding_json.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/cli/encoding/embedding.h"
#include "client/cli/failure.h"

namespace descent::cli {
namespace {

using Json = nlohmann::ordered_json;

// What an older reader would not know, and must not pass over, makes a newer version of the text.
constexpr int kPlainVersion = 1;
constexpr int kFormatVersion = 2;  // with units, parts of dates, or cells written in another way
constexpr int kVersion = 3;        // with columns that are embedded

bool IsPlain(const Encoding& encoding) {
  return encoding.csv.cells == CellFormat{} && encoding.target.unit.empty() &&
         std::all_of(encoding.inputs.begin(), encoding.inputs.end(),
                     [](const InputEncoding& input) {
                       return input.unit.empty() && input.part == DatePart::kNone;
                     });
}

int VersionOf(const Encoding& encoding) {
  if (!encoding.embedded().empty()) return kVersion;
  return IsPlain(encoding) ? kPlainVersion : kFormatVersion;
}

void AddUnit(const std::string& unit, Json* json) {
  if (!unit.empty()) (*json)["unit"] = unit;
}

// Only what is not as usual.
void AddFormat(const CsvOptions& csv, Json* json) {
  const CellFormat& cells = csv.cells;
  if (cells.decimal != '.') (*json)["decimal"] = std::string(1, cells.decimal);
  if (cells.thousands != '\0') (*json)["thousands"] = std::string(1, cells.thousands);
  if (!cells.missing.empty()) (*json)["missing"] = cells.missing;
  if (!cells.values.empty()) (*json)["not_missing"] = cells.values;
}

Json ToJson(const EmbeddedEncoding& embedded) {
  Json json = {
      {"input", embedded.input}, {"dimension", embedded.dimension}, {"buckets", embedded.buckets}};
  if (embedded.numeric) json["numeric"] = true;
  return json;
}

Json ToJson(const InputEncoding& input) {
  Json json = {{"name", input.name}, {"field", input.field}};
  AddUnit(input.unit, &json);
  if (input.part != DatePart::kNone) json["part"] = std::string(NameOf(input.part));
  if (const auto* number = std::get_if<NumberEncoding>(&input.values)) {
    json["mean"] = number->standardization.mean;
    json["scale"] = number->standardization.scale;
    json["median"] = number->median;  // NaN becomes null
  } else if (const auto* embedded = std::get_if<EmbeddedEncoding>(&input.values)) {
    json["embedding"] = ToJson(*embedded);
  } else {
    json["categories"] = std::get<CategoryEncoding>(input.values).categories;
  }
  return json;
}

Json ToJson(const TargetEncoding& target) {
  Json json = {{"name", target.name}, {"field", target.field}};
  AddUnit(target.unit, &json);
  if (const auto* standardization = std::get_if<Standardization>(&target.values)) {
    json["mean"] = standardization->mean;
    json["scale"] = standardization->scale;
  } else {
    json["categories"] = *target.classes();
  }
  return json;
}

// The readers below throw nlohmann::json::exception for a member that is absent or of another type,
// and std::domain_error for a value out of range; EncodingFromJson alone catches them.

void Require(bool condition, const char* what) {
  if (!condition) throw std::domain_error(what);
}

// A number with a fraction or beyond 64 bits is none.
int64_t IntegerFrom(const Json& json) {
  Require(json.is_number_integer() && (!json.is_number_unsigned() ||
                                       json.get<uint64_t>() <= std::numeric_limits<int64_t>::max()),
          "a number is not an integer");
  return json.get<int64_t>();
}

Standardization StandardizationFrom(const Json& json) {
  const Standardization result{json.at("mean").get<double>(), json.at("scale").get<double>()};
  Require(result.scale > 0, "a scale is not positive");
  return result;
}

CategoryEncoding CategoriesFrom(const Json& json) {
  CategoryEncoding result{json.at("categories").get<std::vector<std::string>>()};
  Require(!result.categories.empty(), "a list of categories is empty");
  return result;
}

char CharacterFrom(const Json& json, const char* name, char usual) {
  if (!json.contains(name)) return usual;
  const auto text = json.at(name).get<std::string>();
  Require(text.size() == 1, "a delimiter or a sign in numbers is not one character");
  return text.front();
}

DatePart PartFrom(const Json& json) {
  const std::optional<DatePart> part = DatePartOf(json.value("part", ""));
  Require(part.has_value(), "a part of dates is not known here");
  return *part;
}

CsvOptions FormatFrom(const Json& json) {
  CsvOptions csv;
  csv.header = json.at("header").get<bool>();
  csv.delimiter = CharacterFrom(json, "delimiter", ',');
  csv.cells.decimal = CharacterFrom(json, "decimal", '.');
  csv.cells.thousands = CharacterFrom(json, "thousands", '\0');
  csv.cells.missing = json.value("missing", std::vector<std::string>());
  csv.cells.values = json.value("not_missing", std::vector<std::string>());
  Require(csv.cells.decimal != csv.cells.thousands, "two signs in numbers are the same");
  return csv;
}

int64_t FieldFrom(const Json& json, int64_t fields) {
  const int64_t field = IntegerFrom(json.at("field"));
  Require(field >= 0 && field < fields, "a field is out of range");
  return field;
}

// A size that the contract has room for.
int64_t SizeFrom(const Json& json) {
  const int64_t size = IntegerFrom(json);
  Require(size >= 1 && size <= std::numeric_limits<int32_t>::max(),
          "a size of an embedding is out of range");
  return size;
}

EmbeddedEncoding EmbeddedFrom(const Json& json) {
  EmbeddedEncoding result{json.at("input").get<std::string>(), SizeFrom(json.at("dimension")),
                          SizeFrom(json.at("buckets")), json.value("numeric", false)};
  Require(IsCategoricalInputName(result.input), "a name of a categorical input is none");
  return result;
}

InputEncoding InputFrom(const Json& json, int64_t fields) {
  InputEncoding input{json.at("name").get<std::string>(),
                      FieldFrom(json, fields),
                      {},
                      json.value("unit", ""),
                      PartFrom(json)};
  if (json.contains("categories")) {
    input.values = CategoriesFrom(json);
  } else if (json.contains("embedding")) {
    input.values = EmbeddedFrom(json.at("embedding"));
  } else {
    const Json& median = json.at("median");
    input.values = NumberEncoding{
        StandardizationFrom(json),
        median.is_null() ? std::numeric_limits<double>::quiet_NaN() : median.get<double>()};
  }
  return input;
}

TargetEncoding TargetFrom(const Json& json, int64_t fields) {
  TargetEncoding target{
      json.at("name").get<std::string>(), FieldFrom(json, fields), {}, json.value("unit", "")};
  if (json.contains("categories")) {
    target.values = CategoriesFrom(json);
  } else {
    target.values = StandardizationFrom(json);
  }
  return target;
}

void RequireDifferentInputs(const Encoding& encoding) {
  absl::flat_hash_set<absl::string_view> names;
  for (const EmbeddedEncoding* embedded : encoding.embedded()) {
    Require(names.insert(embedded->input).second, "two categorical inputs have one name");
  }
}

RowsFingerprint FingerprintFrom(const Json& json) {
  RowsFingerprint result;
  result.rows = IntegerFrom(json.at("rows"));
  Require(
      result.rows > 0 && absl::SimpleHexAtoi(json.at("digest").get<std::string>(), &result.digest),
      "what it was trained on is no fingerprint");
  return result;
}

Encoding EncodingFrom(const Json& json) {
  const int64_t version = IntegerFrom(json.at("version"));
  Require(version >= kPlainVersion && version <= kVersion, "its version is not known here");
  Encoding encoding;
  encoding.csv = FormatFrom(json);
  encoding.named = encoding.csv.header;
  encoding.fields = IntegerFrom(json.at("fields"));
  for (const Json& input : json.at("inputs")) {
    encoding.inputs.push_back(InputFrom(input, encoding.fields));
  }
  RequireDifferentInputs(encoding);
  encoding.target = TargetFrom(json.at("target"), encoding.fields);
  if (json.contains("trained_on")) {
    encoding.trained_on.push_back(FingerprintFrom(json["trained_on"]));
  }
  for (const Json& file : json.value("trained_later_on", Json::array())) {
    encoding.trained_on.push_back(FingerprintFrom(file));
  }
  return encoding;
}

}  // namespace

absl::StatusOr<std::string> EncodingToJson(const Encoding& encoding) {
  Json inputs = Json::array();
  for (const InputEncoding& input : encoding.inputs) inputs.push_back(ToJson(input));
  Json json = {{"version", VersionOf(encoding)},
               {"header", encoding.csv.header},
               {"delimiter", std::string(1, encoding.csv.delimiter)}};
  AddFormat(encoding.csv, &json);
  json["fields"] = encoding.fields;
  json["inputs"] = std::move(inputs);
  json["target"] = ToJson(encoding.target);
  // An older reader knows the first member alone, and of one file.
  for (const RowsFingerprint& file : encoding.trained_on) {
    Json fingerprint = {{"rows", file.rows}, {"digest", absl::StrCat(absl::Hex(file.digest))}};
    if (!json.contains("trained_on")) {
      json["trained_on"] = std::move(fingerprint);
    } else {
      json["trained_later_on"].push_back(std::move(fingerprint));
    }
  }
  try {
    return json.dump();
  } catch (const Json::type_error& error) {
    return DataError({"data"}, absl::StrCat("names and categories must be UTF-8: ", error.what()));
  }
}

absl::StatusOr<Encoding> EncodingFromJson(const std::string& text) {
  try {
    return EncodingFrom(Json::parse(text));
  } catch (const std::exception& error) {
    return absl::FailedPreconditionError(
        absl::StrCat("the encoding kept with the model can't be read: ", error.what()));
  }
}

}  // namespace descent::cli
