// From a network's answers back to the terms of the data.

#ifndef CLIENT_CLI_ENCODING_PREDICTIONS_H_
#define CLIENT_CLI_ENCODING_PREDICTIONS_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/cli/encoding/encoding.h"
#include "descent/v1/network.pb.h"
#include "descent/v1/tensor.pb.h"

namespace descent::cli {

struct Prediction {
  std::string label;           // of the likeliest class; empty for numbers
  std::vector<double> values;  // numbers in their own unit, or a probability for each class
};

// A field of a record, in quotes where it needs them.
std::string CsvField(const std::string& text, char delimiter = ',');

// The classes that a network's outputs are of; null where they are numbers.
const std::vector<std::string>* AnsweredClasses(const Encoding& encoding,
                                                const v1::NetworkSpec& network);

class Predictions {
 public:
  Predictions(const Encoding& encoding, const v1::NetworkSpec& network);

  // The predictions of so many rows, which the server has answered. INTERNAL if these are not the
  // outputs of as many rows of the network, or not of the classes that its labels name.
  absl::StatusOr<std::vector<Prediction>> DecodeAnswer(const v1::Tensor& outputs,
                                                       int64_t rows) const;

  // One row's prediction from its outputs in the targets' terms, as many as the network has.
  Prediction Decode(absl::Span<const double> outputs) const;

  // The labels of classes; none for numbers.
  const std::vector<std::string>& classes() const { return classes_; }

  // What a table of predictions calls its columns: "house_value", or "income", "probability of
  // <=50K", "probability of >50K (positive)", where one of two classes is what precision and recall
  // are of; "prediction" for a target without a name.
  std::vector<std::string> Names() const;
  // A row of it, as many fields: numbers with the digits that they have.
  std::vector<std::string> Fields(const Prediction& prediction) const;

  // The same as CSV.
  std::string CsvHeader() const;
  std::string CsvRecord(const Prediction& prediction) const;

  // {"row": 1, "prediction": 452600.0}, or with "probabilities" by class and, of two, which is
  // "positive".
  nlohmann::ordered_json Json(int64_t row, const Prediction& prediction) const;

 private:
  std::string target_;
  std::vector<std::string> classes_;  // empty for numbers
  std::string positive_;              // of two classes
  Standardization standardization_;
  int64_t outputs_;
  int digits_ = 0;  // of a number as CSV
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_ENCODING_PREDICTIONS_H_
