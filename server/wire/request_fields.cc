#include "server/wire/request_fields.h"

#include <cmath>
#include <cstddef>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "core/text_view.h"
#include "google/protobuf/descriptor.h"
#include "server/wire/fingerprint.h"

namespace descent::wire {
namespace {

// Finds `name` in the layout, once: `seen` has a place for each parameter.
absl::StatusOr<int> FindParameter(std::string_view field, const std::string& name,
                                  const ParameterLayout& layout, std::vector<bool>* seen) {
  if (name.empty()) return RequiredField(field);
  const int index = layout.Find(name);
  if (index < 0) {
    return Error(absl::StatusCode::kNotFound, "PARAMETER_NOT_FOUND",
                 absl::StrCat(View(field), ": the network has no parameter \"",
                              absl::CHexEscape(name), "\""),
                 {{"parameter", name}});
  }
  const auto place = static_cast<std::size_t>(index);
  if ((*seen)[place]) return ContradictoryField(field, absl::StrCat(name, " is there twice"));
  (*seen)[place] = true;
  return index;
}

}  // namespace

std::string QuotedText(std::string_view text) {
  constexpr std::size_t kMost = 64;
  return absl::StrCat("\"", absl::CHexEscape(View(text.substr(0, kMost))),
                      text.size() > kMost ? "...\"" : "\"");
}

absl::Status RequiredField(std::string_view field) {
  return InvalidField(field, "required", {}, "REQUIRED_FIELD");
}

absl::Status ContradictoryField(std::string_view field, std::string_view what) {
  return InvalidField(field, what, {}, "CONTRADICTORY_FIELDS");
}

absl::Status CheckRequestId(std::string_view request_id) {
  constexpr std::size_t kLongest = 128;
  if (request_id.size() <= kLongest) return absl::OkStatus();
  return InvalidField(
      "request_id", absl::StrCat("expected at most ", kLongest, " bytes, got ", request_id.size()));
}

absl::StatusOr<models::RequestKey> DecodeRequestKey(const google::protobuf::Message& request) {
  const auto* field = request.GetDescriptor()->FindFieldByName("request_id");
  models::RequestKey key;
  key.id = request.GetReflection()->GetString(request, field);
  RETURN_IF_ERROR(CheckRequestId(key.id));
  if (key.id.empty()) return key;
  const std::unique_ptr<google::protobuf::Message> payload(request.New());
  payload->CopyFrom(request);
  payload->GetReflection()->ClearField(payload.get(), field);
  key.fingerprint = Fingerprint(request.GetDescriptor()->full_name()).Add(*payload).Digest();
  return key;
}

absl::Status CheckAtLeast(std::string_view field, std::int64_t value, std::int64_t minimum) {
  if (value >= minimum) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("expected at least ", minimum, ", got ", value));
}

absl::Status CheckLearningRate(double learning_rate) {
  if (std::isfinite(learning_rate) && learning_rate >= 0) return absl::OkStatus();
  return InvalidField("learning_rate",
                      absl::StrCat("expected a finite number >= 0, got ", learning_rate));
}

absl::StatusOr<std::optional<std::int64_t>> DecodeStepNumber(std::string_view field, bool is_set,
                                                             std::int64_t value) {
  if (!is_set) return std::nullopt;
  RETURN_IF_ERROR(CheckAtLeast(field, value, 0));
  return value;
}

absl::StatusOr<std::vector<int>> DecodeParameterNames(
    std::string_view field, const google::protobuf::RepeatedPtrField<std::string>& names,
    const ParameterLayout& layout) {
  std::vector<int> parameters;
  std::vector<bool> seen(layout.parameters().size());
  for (int i = 0; i < names.size(); ++i) {
    ASSIGN_OR_RETURN(const int parameter, FindParameter(absl::StrCat(View(field), "[", i, "]"),
                                                        names[i], layout, &seen));
    parameters.push_back(parameter);
  }
  return parameters;
}

absl::StatusOr<NamedTensors> DecodeNamedTensors(
    std::string_view field, const google::protobuf::RepeatedPtrField<v1::NamedTensor>& tensors,
    Conversion conversion, Among among, const Network& network) {
  const ParameterLayout& layout = network.layout();
  NamedTensors decoded;
  std::vector<bool> seen(layout.parameters().size());
  // The names first: the buffer is as large as the network, whatever was sent.
  for (int i = 0; i < tensors.size(); ++i) {
    const std::string name_field = absl::StrCat(View(field), "[", i, "].name");
    ASSIGN_OR_RETURN(const int parameter,
                     FindParameter(name_field, tensors[i].name(), layout, &seen));
    if (among == Among::kDense &&
        layout.parameters()[static_cast<std::size_t>(parameter)].is_table) {
      return InvalidField(name_field, absl::StrCat(tensors[i].name(),
                                                   " is a table: its rows go into "
                                                   "sparse_gradients"));
    }
    if (!tensors[i].has_tensor()) {
      return RequiredField(absl::StrCat(View(field), "[", i, "].tensor"));
    }
    decoded.parameters.push_back(parameter);
  }
  decoded.values.Resize(network.data_type(),
                        among == Among::kAll ? layout.size() : layout.dense_size());
  for (int i = 0; i < tensors.size(); ++i) {
    const auto index = static_cast<std::size_t>(decoded.parameters[static_cast<std::size_t>(i)]);
    const ParameterInfo& parameter = layout.parameters()[index];
    absl::Status status = DecodeInto("tensor", tensors[i].tensor(), parameter.shape, conversion,
                                     parameter.offset, &decoded.values);
    if (!status.ok()) {
      status = WithFieldPrefix(std::move(status), absl::StrCat(View(field), "[", i, "]"));
      return WithMetadata(std::move(status), "parameter", parameter.name);
    }
  }
  return decoded;
}

}  // namespace descent::wire
