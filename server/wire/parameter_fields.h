// A kind's parameters as the fields of a message of the same names, which core/spec_fields.h gives.
// Which kind it is, an enum, is the family's tables' to say (server/wire/kinds.h).

#ifndef SERVER_WIRE_PARAMETER_FIELDS_H_
#define SERVER_WIRE_PARAMETER_FIELDS_H_

#include <cstdint>
#include <optional>
#include <type_traits>

#include "core/check.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace descent::wire {

inline const google::protobuf::FieldDescriptor* FindField(const google::protobuf::Message& message,
                                                          const char* name) {
  const google::protobuf::FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  DESCENT_CHECK(field != nullptr);
  return field;
}

// Leaves the values of fields that are `optional` and not set as they are.
class ParameterReader {
 public:
  explicit ParameterReader(const google::protobuf::Message& message) : message_(message) {}

  template <typename Kind>
    requires std::is_enum_v<Kind>
  void Field(const char* /*name*/, Kind& /*kind*/) {}
  template <typename T>
  void Field(const char* name, T& value) {
    const auto* const field = FindField(message_, name);
    if (field->has_presence() && !message_.GetReflection()->HasField(message_, field)) return;
    Read(field, &value);
  }
  template <typename T>
  void Field(const char* name, std::optional<T>& value) {
    const auto* const field = FindField(message_, name);
    if (message_.GetReflection()->HasField(message_, field)) Read(field, &value.emplace());
  }

 private:
  using Descriptor = const google::protobuf::FieldDescriptor*;
  void Read(Descriptor field, double* value) const {
    *value = message_.GetReflection()->GetDouble(message_, field);
  }
  void Read(Descriptor field, bool* value) const {
    *value = message_.GetReflection()->GetBool(message_, field);
  }
  void Read(Descriptor field, std::int64_t* value) const {
    *value = message_.GetReflection()->GetInt64(message_, field);
  }

  const google::protobuf::Message& message_;
};

// Sets every field, but those of optional values without one.
class ParameterWriter {
 public:
  explicit ParameterWriter(google::protobuf::Message* message) : message_(*message) {}

  template <typename Kind>
    requires std::is_enum_v<Kind>
  void Field(const char* /*name*/, Kind /*kind*/) {}
  void Field(const char* name, double value) {
    message_.GetReflection()->SetDouble(&message_, FindField(message_, name), value);
  }
  void Field(const char* name, bool value) {
    message_.GetReflection()->SetBool(&message_, FindField(message_, name), value);
  }
  void Field(const char* name, std::int64_t value) {
    message_.GetReflection()->SetInt64(&message_, FindField(message_, name), value);
  }
  template <typename T>
  void Field(const char* name, const std::optional<T>& value) {
    if (value.has_value()) Field(name, *value);
  }

 private:
  google::protobuf::Message& message_;
};

}  // namespace descent::wire

#endif  // SERVER_WIRE_PARAMETER_FIELDS_H_
