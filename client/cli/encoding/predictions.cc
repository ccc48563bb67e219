#include "client/cli/encoding/predictions.h"

#include <csv.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/specs.h"
#include "client/cli/status_macros.h"
#include "client/descent/tensor.h"

namespace descent::cli {
namespace {

// Enough digits to tell any two float32 or float64 numbers apart.
constexpr int kFloat32Digits = 9;
constexpr int kFloat64Digits = 17;

// The digits of a number that was standardised: those of the network's number, and as many more as
// what is added to it has before them.
int DigitsOf(const Standardization& standardization, bool float64) {
  if (float64) return kFloat64Digits;
  const double common = std::abs(standardization.mean) / standardization.scale;
  if (!(common > 1)) return kFloat32Digits;
  return std::min(kFloat64Digits,
                  kFloat32Digits + static_cast<int>(std::log10(std::min(common, 1e9))));
}

// Of a double, as few as give it back.
std::string NumberField(double value, int digits) {
  if (digits < kFloat64Digits) return absl::StrFormat("%.*g", digits, value);
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

std::string CsvOf(const std::vector<std::string>& fields) {
  std::string record;
  for (const std::string& field : fields) {
    absl::StrAppend(&record, &field == &fields.front() ? "" : ",", CsvField(field));
  }
  return record;
}

}  // namespace

std::string CsvField(const std::string& text, char delimiter) {
  const bool plain = !text.empty() && text.find_first_of(",\"\r\n") == std::string::npos &&
                     text.find(delimiter) == std::string::npos && text.front() != ' ' &&
                     text.back() != ' ';
  if (plain) return text;
  std::string field(csv_write(nullptr, 0, text.data(), text.size()), '\0');
  csv_write(field.data(), field.size(), text.data(), text.size());
  return field;
}

const std::vector<std::string>* AnsweredClasses(const Encoding& encoding,
                                                const v1::NetworkSpec& network) {
  const bool by_class =
      network.loss().kind() == v1::LOSS_KIND_SOFTMAX_CROSS_ENTROPY || OutputsOf(network) == 1;
  return by_class ? encoding.target.classes() : nullptr;
}

Predictions::Predictions(const Encoding& encoding, const v1::NetworkSpec& network)
    : target_(encoding.named ? encoding.target.name : "prediction"), outputs_(OutputsOf(network)) {
  const std::vector<std::string>* classes = encoding.target.classes();
  const bool float64 = network.data_type() == v1::DATA_TYPE_FLOAT64;
  digits_ = DigitsOf({}, float64);
  if (classes == nullptr) {
    standardization_ = std::get<Standardization>(encoding.target.values);
    digits_ = DigitsOf(standardization_, float64);
  } else if (AnsweredClasses(encoding, network) != nullptr) {
    classes_ = *classes;
    positive_ = PositiveClass(encoding.target);
  }
}

absl::StatusOr<std::vector<Prediction>> Predictions::DecodeAnswer(const v1::Tensor& outputs,
                                                                  int64_t rows) const {
  ASSIGN_OR_RETURN(const std::vector<double> values, client::TensorValues<double>(outputs));
  const bool fits_classes = classes_.empty() || outputs_ == static_cast<int64_t>(classes_.size()) ||
                            (outputs_ == 1 && classes_.size() == 2);
  const auto count = static_cast<int64_t>(values.size());
  if (outputs_ < 1 || rows < 1 || count % outputs_ != 0 || count / outputs_ != rows ||
      !fits_classes) {
    return absl::InternalError(absl::StrCat("the server answered ", count, " outputs for ", rows,
                                            " rows of ", outputs_, ", and the model's labels name ",
                                            classes_.size(), " classes"));
  }
  std::vector<Prediction> predictions;
  for (int64_t row = 0; row < rows; ++row) {
    predictions.push_back(Decode(absl::MakeConstSpan(values).subspan(
        static_cast<size_t>(row * outputs_), static_cast<size_t>(outputs_))));
  }
  return predictions;
}

Prediction Predictions::Decode(absl::Span<const double> outputs) const {
  Prediction prediction;
  if (classes_.empty()) {
    for (const double output : outputs) {
      prediction.values.push_back(standardization_.Decode(output));
    }
    return prediction;
  }
  if (outputs.size() == 1) {
    prediction.values = {1 - outputs[0], outputs[0]};  // of the second class
  } else {
    prediction.values.assign(outputs.begin(), outputs.end());
  }
  const auto likeliest = std::max_element(prediction.values.begin(), prediction.values.end());
  prediction.label = classes_[likeliest - prediction.values.begin()];
  return prediction;
}

std::vector<std::string> Predictions::Names() const {
  if (classes_.empty() && outputs_ == 1) return {target_};
  std::vector<std::string> names;
  if (classes_.empty()) {
    for (int64_t i = 1; i <= outputs_; ++i) names.push_back(absl::StrCat("output ", i));
    return names;
  }
  names.push_back(target_);
  for (const std::string& name : classes_) {
    const char* mark = name == positive_ ? " (positive)" : "";
    names.push_back(absl::StrCat("probability of ", name, mark));
  }
  return names;
}

std::vector<std::string> Predictions::Fields(const Prediction& prediction) const {
  std::vector<std::string> fields;
  if (!classes_.empty()) fields.push_back(prediction.label);
  for (const double value : prediction.values) fields.push_back(NumberField(value, digits_));
  return fields;
}

std::string Predictions::CsvHeader() const { return CsvOf(Names()); }

std::string Predictions::CsvRecord(const Prediction& prediction) const {
  return CsvOf(Fields(prediction));
}

nlohmann::ordered_json Predictions::Json(int64_t row, const Prediction& prediction) const {
  nlohmann::ordered_json json = {{"row", row}};
  if (classes_.empty()) {
    if (outputs_ == 1) {
      json["prediction"] = prediction.values[0];
    } else {
      json["prediction"] = prediction.values;
    }
    return json;
  }
  json["prediction"] = prediction.label;
  for (size_t i = 0; i < classes_.size(); ++i) {
    json["probabilities"][classes_[i]] = prediction.values[i];
  }
  if (!positive_.empty()) json["positive"] = positive_;
  return json;
}

}  // namespace descent::cli
