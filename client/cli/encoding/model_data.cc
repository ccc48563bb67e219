#include "client/cli/encoding/model_data.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "client/cli/encoding/embedding.h"
#include "client/cli/encoding/encoding_json.h"
#include "client/cli/encoding/packed_text.h"
#include "client/cli/failure.h"
#include "client/cli/format.h"
#include "client/cli/specs.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

// The contract's bounds: on all labels together, and on the client's data.
constexpr size_t kMostLabelBytes = 32 << 10;
constexpr size_t kMostClientDataBytes = size_t{2} << 20;

// The encoding as it is kept; empty if there is none. Earlier versions packed one into the label.
const std::string& KeptEncoding(const v1::Model& model) {
  const auto label = model.labels().find(kEncodingLabel);
  return label == model.labels().end() ? model.client_data() : label->second;
}

// The classes that the network tells apart, 0 for numbers.
int64_t ClassesOf(const v1::NetworkSpec& network) {
  if (!IsClassLoss(network.loss().kind())) return 0;
  const int64_t outputs = OutputsOf(network);
  const bool binary = network.loss().kind() == v1::LOSS_KIND_BINARY_CROSS_ENTROPY;
  return binary ? 2 : outputs;
}

// Wider tables than anybody has, so that a few bytes of an answer do not fill the memory.
constexpr int64_t kMostColumns = 1 << 20;

absl::Status CheckCount(absl::string_view what, int64_t count) {
  if (count >= 0 && count <= kMostColumns) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the model's network has ", count, " ", what,
                                                    "; a table can have up to ", kMostColumns,
                                                    " of them"));
}

}  // namespace

bool HasEncoding(const v1::Model& model) { return !KeptEncoding(model).empty(); }

absl::StatusOr<Encoding> EncodingOf(const v1::Model& model) {
  const v1::NetworkSpec& network = model.network();
  const int64_t classes = ClassesOf(network);
  RETURN_IF_ERROR(CheckCount("inputs", network.input_features()));
  RETURN_IF_ERROR(CheckCount("classes", classes));
  if (!HasEncoding(model) && network.categorical_inputs_size() > 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        model.name(), " has categorical inputs (", TablesText(network),
        "), and was not made by `descent train`: which columns of a table they are of is not "
        "known, "
        "so that rows of one can't be given to it; the client libraries take categories"));
  }
  if (!HasEncoding(model)) {
    return PlainEncoding(network.input_features(), classes, network.input_features());
  }
  ASSIGN_OR_RETURN(const std::string json, UnpackText(KeptEncoding(model)));
  ASSIGN_OR_RETURN(Encoding encoding, EncodingFromJson(json));
  const std::vector<std::string>* labels = encoding.target.classes();
  const int64_t labelled = labels == nullptr ? 0 : static_cast<int64_t>(labels->size());
  if (encoding.features() != network.input_features() || labelled != classes) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the encoding kept with the model is of ", encoding.features(), " inputs and ", labelled,
        " classes, its network of ", network.input_features(), " and ", classes));
  }
  if (const absl::Status embedded = CheckEmbedded(encoding, network); !embedded.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("by the encoding kept with the model ", embedded.message()));
  }
  return encoding;
}

NumberTerms TermsOf(v1::LossKind loss, bool float64) {
  return {float64, loss == v1::LOSS_KIND_POISSON, NameOf(loss)};
}

NumberTerms TermsOf(const v1::NetworkSpec& network) {
  return TermsOf(network.loss().kind(), network.data_type() == v1::DATA_TYPE_FLOAT64);
}

absl::Status KeepEncoding(const Encoding& encoding, v1::Model* model) {
  ASSIGN_OR_RETURN(std::string json, EncodingToJson(encoding));
  model->mutable_labels()->erase(kEncodingLabel);
  model->clear_client_data();
  const size_t plain_size = json.size();
  if (plain_size <= kMostLabelBytes) {
    (*model->mutable_labels())[kEncodingLabel] = std::move(json);
    return absl::OkStatus();
  }
  json = PackText(json);
  if (json.size() > kMostClientDataBytes) {
    return DataError(
        {"data"},
        absl::StrCat("names and categories take ", FormatCount(plain_size),
                     " bytes, and compressed more than the ", FormatCount(kMostClientDataBytes),
                     " that are kept with a model; take columns of many "
                     "categories as one input each with --embed, or leave them out with --ignore"));
  }
  model->set_client_data(std::move(json));
  return absl::OkStatus();
}

std::map<std::string, double> InOwnUnits(const google::protobuf::Map<std::string, double>& metrics,
                                         const TargetEncoding& target) {
  std::map<std::string, double> own(metrics.begin(), metrics.end());
  const auto* standardization = std::get_if<Standardization>(&target.values);
  if (standardization == nullptr) return own;
  for (const char* name : {"rmse", "mae"}) {
    const auto metric = own.find(name);
    if (metric != own.end()) metric->second *= standardization->scale;
  }
  return own;
}

std::string MetricsText(const std::map<std::string, double>& metrics,
                        const TargetEncoding& target) {
  std::vector<std::string> parts;
  std::map<std::string, double> rest = metrics;
  for (const char* name : {"rmse", "mae", "r2", "accuracy", "log_loss", "roc_auc"}) {
    const auto metric = rest.find(name);
    if (metric == rest.end()) continue;
    parts.push_back(absl::StrCat(name, " ", FormatNumber(metric->second)));
    rest.erase(metric);
  }
  const std::string positive = PositiveClass(target);
  bool named = positive.empty();
  for (const auto& [name, value] : rest) {
    if (!named) parts.push_back(absl::StrCat("of ", Shortened(positive), ":"));
    named = true;
    parts.push_back(absl::StrCat(name, " ", FormatNumber(value)));
  }
  return absl::StrJoin(parts, "  ");
}

}  // namespace descent::cli
