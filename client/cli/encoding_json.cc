#include "client/cli/encoding_json.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"

namespace descent::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;

Json ToJson(const InputEncoding& input) {
  Json json = {{"name", input.name}, {"field", input.field}};
  if (const auto* number = std::get_if<NumberEncoding>(&input.values)) {
    json["mean"] = number->standardization.mean;
    json["scale"] = number->standardization.scale;
    json["median"] = number->median;  // NaN becomes null
  } else {
    json["categories"] = std::get<CategoryEncoding>(input.values).categories;
  }
  return json;
}

Json ToJson(const TargetEncoding& target) {
  Json json = {{"name", target.name}, {"field", target.field}};
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

int64_t FieldFrom(const Json& json, int64_t fields) {
  const auto field = json.at("field").get<int64_t>();
  Require(field >= 0 && field < fields, "a field is out of range");
  return field;
}

InputEncoding InputFrom(const Json& json, int64_t fields) {
  InputEncoding input{json.at("name").get<std::string>(), FieldFrom(json, fields), {}};
  if (json.contains("categories")) {
    input.values = CategoriesFrom(json);
  } else {
    const Json& median = json.at("median");
    input.values = NumberEncoding{
        StandardizationFrom(json),
        median.is_null() ? std::numeric_limits<double>::quiet_NaN() : median.get<double>()};
  }
  return input;
}

TargetEncoding TargetFrom(const Json& json, int64_t fields) {
  TargetEncoding target{json.at("name").get<std::string>(), FieldFrom(json, fields), {}};
  if (json.contains("categories")) {
    target.values = CategoriesFrom(json);
  } else {
    target.values = StandardizationFrom(json);
  }
  return target;
}

Encoding EncodingFrom(const Json& json) {
  Require(json.at("version").get<int>() == kVersion, "its version is not known here");
  Encoding encoding;
  encoding.csv.header = json.at("header").get<bool>();
  encoding.named = encoding.csv.header;
  const auto delimiter = json.at("delimiter").get<std::string>();
  Require(delimiter.size() == 1, "the delimiter is not one character");
  encoding.csv.delimiter = delimiter.front();
  encoding.fields = json.at("fields").get<int64_t>();
  for (const Json& input : json.at("inputs")) {
    encoding.inputs.push_back(InputFrom(input, encoding.fields));
  }
  encoding.target = TargetFrom(json.at("target"), encoding.fields);
  return encoding;
}

}  // namespace

absl::StatusOr<std::string> EncodingToJson(const Encoding& encoding) {
  Json inputs = Json::array();
  for (const InputEncoding& input : encoding.inputs) inputs.push_back(ToJson(input));
  const Json json = {{"version", kVersion},
                     {"header", encoding.csv.header},
                     {"delimiter", std::string(1, encoding.csv.delimiter)},
                     {"fields", encoding.fields},
                     {"inputs", std::move(inputs)},
                     {"target", ToJson(encoding.target)}};
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
        absl::StrCat("the model's label ", kEncodingLabel, " can't be read: ", error.what()));
  }
}

}  // namespace descent::cli
