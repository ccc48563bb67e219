#include "client/cli/commands/parameters.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/cli/display/output.h"
#include "client/cli/failure.h"
#include "client/cli/format.h"
#include "client/cli/status_macros.h"
#include "client/descent/tensor.h"

namespace descent::cli {
namespace {

using Json = nlohmann::ordered_json;

// The Euclidean norm, of values whose squares may be beyond a double; so may the norm itself be.
double Norm(const std::vector<double>& values) {
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  if (largest == 0) return 0;
  double squares = 0;
  for (const double value : values) squares += (value / largest) * (value / largest);
  return largest * std::sqrt(squares);
}

absl::StatusOr<std::vector<double>> FiniteValues(const std::string& name,
                                                 const v1::Tensor& tensor) {
  ASSIGN_OR_RETURN(std::vector<double> values, client::TensorValues<double>(tensor));
  for (const double value : values) {
    if (std::isfinite(value)) continue;
    return absl::InternalError(
        absl::StrCat("the server answered a value of ", name, " that is not a finite number"));
  }
  return values;
}

absl::StatusOr<std::vector<double>> ValuesOf(const v1::NamedTensor& parameter) {
  return FiniteValues(parameter.name(), parameter.tensor());
}

absl::StatusOr<std::vector<double>> ValuesOf(const v1::SparseRows& table) {
  std::vector<double> values;
  if (table.rows().empty()) return values;
  ASSIGN_OR_RETURN(values, FiniteValues(table.name(), table.values()));
  if (table.values().shape_size() == 2 && table.values().shape(0) == table.rows_size()) {
    return values;
  }
  return absl::InternalError(
      absl::StrCat("the server answered other values of ", table.name(), " than of its rows"));
}

std::string ShapeText(const v1::Tensor& tensor) {
  return absl::StrCat("[", absl::StrJoin(tensor.shape(), ", "), "]");
}

// The values in rows as long as the last dimension.
void PrintValues(const v1::Tensor& tensor, const std::vector<double>& values) {
  const size_t columns = tensor.shape().empty() ? 1 : *tensor.shape().rbegin();
  for (size_t i = 0; i < values.size(); ++i) {
    Print(absl::StrFormat("%s%.9g", i % columns == 0 ? "    " : " ", values[i]));
    if ((i + 1) % columns == 0) Print("\n");
  }
}

// Throws nlohmann::json::exception for a member that is absent or of another type. The shape is the
// server's to check.
v1::NamedTensor ParameterFrom(const Json& json, v1::DataType data_type) {
  v1::NamedTensor parameter;
  parameter.set_name(json.at("name").get<std::string>());
  const auto shape = json.at("shape").get<std::vector<int64_t>>();
  const auto values = json.at("values").get<std::vector<double>>();
  v1::Tensor& tensor = *parameter.mutable_tensor();
  tensor.set_data_type(data_type);
  *tensor.mutable_shape() = {shape.begin(), shape.end()};
  if (data_type == v1::DATA_TYPE_FLOAT64) {
    *tensor.mutable_doubles()->mutable_values() = {values.begin(), values.end()};
  } else {
    tensor.mutable_floats();  // also if there are none
    for (const double value : values) {
      tensor.mutable_floats()->add_values(static_cast<float>(value));
    }
  }
  return parameter;
}

}  // namespace

absl::StatusOr<Json> ParametersJson(const NamedTensors& parameters, bool with_values) {
  Json array = Json::array();
  for (const v1::NamedTensor& parameter : parameters) {
    ASSIGN_OR_RETURN(const std::vector<double> values, ValuesOf(parameter));
    Json json = {{"name", parameter.name()},
                 {"shape", std::vector<int64_t>(parameter.tensor().shape().begin(),
                                                parameter.tensor().shape().end())}};
    if (const double norm = Norm(values); std::isfinite(norm)) json["norm"] = norm;
    if (with_values) json["values"] = values;
    array.push_back(std::move(json));
  }
  return array;
}

absl::Status PrintParameters(const NamedTensors& parameters, bool with_values) {
  std::vector<std::vector<std::string>> rows = {{"NAME", "SHAPE", "NORM", "MIN", "MAX"}};
  std::vector<std::vector<double>> values;
  for (const v1::NamedTensor& parameter : parameters) {
    ASSIGN_OR_RETURN(values.emplace_back(), ValuesOf(parameter));
    const auto [least, most] = std::minmax_element(values.back().begin(), values.back().end());
    const bool empty = values.back().empty();
    const double norm = Norm(values.back());
    rows.push_back({parameter.name(), ShapeText(parameter.tensor()),
                    std::isfinite(norm) ? FormatNumber(norm) : "too large",
                    empty ? "" : FormatNumber(*least), empty ? "" : FormatNumber(*most)});
  }
  PrintTable(rows, {false, false, true, true, true});
  for (int i = 0; with_values && i < parameters.size(); ++i) {
    Print(absl::StrCat("\n", parameters[i].name(), "\n"));
    PrintValues(parameters[i].tensor(), values[i]);
  }
  return absl::OkStatus();
}

absl::StatusOr<Json> SparseJson(const SparseTensors& tables, bool with_values) {
  Json array = Json::array();
  for (const v1::SparseRows& table : tables) {
    ASSIGN_OR_RETURN(const std::vector<double> values, ValuesOf(table));
    Json json = {{"name", table.name()}, {"rows", table.rows()}};
    if (const double norm = Norm(values); std::isfinite(norm)) json["norm"] = norm;
    if (with_values) json["values"] = values;
    array.push_back(std::move(json));
  }
  return array;
}

absl::Status PrintSparse(const SparseTensors& tables, bool with_values) {
  for (const v1::SparseRows& table : tables) {
    ASSIGN_OR_RETURN(const std::vector<double> values, ValuesOf(table));
    const double norm = Norm(values);
    Print(absl::StrCat(table.name(), ": ", FormatCount(table.rows_size()),
                       table.rows_size() == 1 ? " row" : " rows", ", norm ",
                       std::isfinite(norm) ? FormatNumber(norm) : "too large", "\n"));
    if (!with_values || table.rows().empty()) continue;
    const size_t columns = values.size() / static_cast<size_t>(table.rows_size());
    for (int row = 0; row < table.rows_size(); ++row) {
      Print(absl::StrFormat("%8d:", table.rows(row)));
      for (size_t i = 0; i < columns; ++i) {
        Print(absl::StrFormat(" %.9g", values[static_cast<size_t>(row) * columns + i]));
      }
      Print("\n");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::NamedTensor>> ParametersFromJson(const std::string& source,
                                                                const std::string& text,
                                                                v1::DataType data_type) {
  try {
    const Json json = Json::parse(text);
    std::vector<v1::NamedTensor> parameters;
    for (const Json& parameter : json.is_object() ? json.at("parameters") : json) {
      parameters.push_back(ParameterFrom(parameter, data_type));
    }
    return parameters;
  } catch (const Json::exception& error) {
    return DataError({source}, error.what());
  }
}

}  // namespace descent::cli
