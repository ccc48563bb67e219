// A kind's parameters as the fields of a message of the same names, which core/spec_fields.h gives.

#ifndef SERVER_WIRE_PARAMETER_FIELDS_H_
#define SERVER_WIRE_PARAMETER_FIELDS_H_

#include <cstdint>

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

  template <typename T>
  void Field(const char* name, T& value) {
    const auto* const field = FindField(message_, name);
    if (field->has_presence() && !message_.GetReflection()->HasField(message_, field)) return;
    Read(field, &value);
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

// Sets every field.
class ParameterWriter {
 public:
  explicit ParameterWriter(google::protobuf::Message* message) : message_(*message) {}

  void Field(const char* name, double value) {
    message_.GetReflection()->SetDouble(&message_, FindField(message_, name), value);
  }
  void Field(const char* name, bool value) {
    message_.GetReflection()->SetBool(&message_, FindField(message_, name), value);
  }
  void Field(const char* name, std::int64_t value) {
    message_.GetReflection()->SetInt64(&message_, FindField(message_, name), value);
  }

 private:
  google::protobuf::Message& message_;
};

}  // namespace descent::wire

#endif  // SERVER_WIRE_PARAMETER_FIELDS_H_
