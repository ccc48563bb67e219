#include "client/cli/commands/finite.h"

#include <google/protobuf/descriptor.h>

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Calls look(i) for each of the field's values; i is -1 for a field that is not repeated.
template <typename Look>
absl::Status ForEach(const Message& message, const FieldDescriptor& field, const Look& look) {
  if (!field.is_repeated()) return look(-1);
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    RETURN_IF_ERROR(look(i));
  }
  return absl::OkStatus();
}

double NumberOf(const Message& message, const FieldDescriptor& field, int i) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_FLOAT) {
    return i < 0 ? reflection.GetFloat(message, &field)
                 : reflection.GetRepeatedFloat(message, &field, i);
  }
  return i < 0 ? reflection.GetDouble(message, &field)
               : reflection.GetRepeatedDouble(message, &field, i);
}

}  // namespace

absl::Status CheckFinite(const Message& message) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const auto look = [&](int i) -> absl::Status {
      switch (field->cpp_type()) {
        case FieldDescriptor::CPPTYPE_MESSAGE:
          return CheckFinite(i < 0 ? reflection.GetMessage(message, field)
                                   : reflection.GetRepeatedMessage(message, field, i));
        case FieldDescriptor::CPPTYPE_FLOAT:
        case FieldDescriptor::CPPTYPE_DOUBLE:
          if (std::isfinite(NumberOf(message, *field, i))) return absl::OkStatus();
          return absl::InternalError(absl::StrCat("the server answered a ", field->name(),
                                                  " that is not a finite number"));
        default:
          return absl::OkStatus();
      }
    };
    RETURN_IF_ERROR(ForEach(message, *field, look));
  }
  return absl::OkStatus();
}

}  // namespace descent::cli
