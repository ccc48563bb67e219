#include "server/wire/spec_parts.h"

#include <string>
#include <vector>

namespace descent::wire {

absl::Status CheckFieldsAmong(const google::protobuf::Message& taken,
                              const google::protobuf::Message& message) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> set;
  reflection.ListFields(message, &set);
  for (const auto* const field : set) {
    if (reflection.HasField(taken, field)) continue;
    const std::string kind(reflection.GetEnum(message, FindField(message, "kind"))->name());
    return InvalidField(field->name(), absl::StrCat("not taken by ", kind));
  }
  return absl::OkStatus();
}

}  // namespace descent::wire
