#include "server/wire/inference_fields.h"

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/text_view.h"
#include "server/wire/request_fields.h"

namespace descent::wire {

absl::StatusOr<bool> BoolParameter(const InferParameters& parameters, const char* name) {
  if (parameters.empty()) return false;
  const auto found = parameters.find(name);
  if (found == parameters.end()) return false;
  if (found->second.parameter_choice_case() != inference::InferParameter::kBoolParam) {
    return InvalidField(absl::StrCat("parameters.", name), "expected a bool_param");
  }
  return found->second.bool_param();
}

absl::Status RefuseParameters(std::string_view field, const InferParameters& parameters,
                              absl::Span<const std::string_view> refused) {
  if (parameters.empty()) return absl::OkStatus();
  for (const std::string_view name : refused) {
    if (!parameters.contains(std::string(name))) continue;
    return InvalidField(absl::StrCat(View(field), ".", View(name)),
                        "this server has nothing like it; leave it away", {},
                        "UNSUPPORTED_PARAMETER");
  }
  return absl::OkStatus();
}

absl::Status UnknownTensor(std::string_view field, std::string_view name, std::string_view there) {
  if (name.empty()) return RequiredField(field);
  return InvalidField(field,
                      absl::StrCat("the model has no ", QuotedText(name), ", only ", View(there)),
                      {}, "UNKNOWN_TENSOR");
}

}  // namespace descent::wire
