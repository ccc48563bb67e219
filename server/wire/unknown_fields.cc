#include "server/wire/unknown_fields.h"

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/unknown_field_set.h"

namespace descent::wire {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

absl::Status UnknownField(int number) {
  const std::string text = absl::StrCat("unknown field number ", number);
  return Error(absl::StatusCode::kInvalidArgument, "UNKNOWN_FIELD", text,
               {{"field_number", absl::StrCat(number)}});
}

// Adds `outer` to the path of an error that may have none yet.
absl::Status Within(const absl::Status& status, std::string_view outer) {
  if (!GetErrorDetails(status).field.empty()) return WithFieldPrefix(status, outer);
  const std::string number = GetErrorDetails(status).metadata.at("field_number");
  const std::string what(status.message());
  return InvalidField(outer, what, {{"field_number", number}}, "UNKNOWN_FIELD");
}

}  // namespace

absl::Status RejectUnknownFields(const Message& request) {
  const Reflection& reflection = *request.GetReflection();
  const auto& unknown = reflection.GetUnknownFields(request);
  if (!unknown.empty()) return UnknownField(unknown.field(0).number());

  const auto& descriptor = *request.GetDescriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor* field = descriptor.field(i);
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field->is_map()) continue;
    if (!field->is_repeated()) {
      if (!reflection.HasField(request, field)) continue;
      const absl::Status status = RejectUnknownFields(reflection.GetMessage(request, field));
      if (!status.ok()) return Within(status, field->name());
      continue;
    }
    for (int j = 0; j < reflection.FieldSize(request, field); ++j) {
      const absl::Status status =
          RejectUnknownFields(reflection.GetRepeatedMessage(request, field, j));
      if (!status.ok()) return Within(status, absl::StrCat(field->name(), "[", j, "]"));
    }
  }
  return absl::OkStatus();
}

}  // namespace descent::wire
