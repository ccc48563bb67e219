// What the decoders of specs share.

#ifndef SERVER_WIRE_SPEC_PARTS_H_
#define SERVER_WIRE_SPEC_PARTS_H_

#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/check.h"
#include "core/error.h"
#include "core/spec_fields.h"
#include "server/wire/kinds.h"
#include "server/wire/parameter_fields.h"
#include "server/wire/request_fields.h"

namespace descent::wire {

// The counterpart of an enum value that has one.
template <typename Wire, typename Core>
absl::StatusOr<Core> FromWire(std::string_view field, absl::Span<const KindRow<Wire, Core>> rows,
                              Wire value) {
  if (value == Wire{}) return RequiredField(field);
  for (const auto& row : rows) {
    if (row.wire == value) return row.core;
  }
  return InvalidField(field, absl::StrCat("unknown value ", static_cast<int>(value)), {},
                      "UNKNOWN_ENUM_VALUE");
}

template <typename Wire, typename Core>
Wire ToWire(absl::Span<const KindRow<Wire, Core>> rows, Core value) {
  for (const auto& row : rows) {
    if (row.core == value) return row.wire;
  }
  DESCENT_CHECK(false);
}

template <typename Message>
std::optional<double> OptionalOf(bool has, const Message& message, double (Message::*get)() const) {
  return has ? std::optional((message.*get)()) : std::nullopt;
}

// kInvalidArgument naming a field that is set in `message` and not in `taken`, a message of the
// same type with all that its `kind` takes.
absl::Status CheckFieldsAmong(const google::protobuf::Message& taken,
                              const google::protobuf::Message& message);

// The case of `oneof` that is set, null if none is.
inline const google::protobuf::FieldDescriptor* CaseOf(const google::protobuf::Message& message,
                                                       const char* oneof) {
  return message.GetReflection()->GetOneofFieldDescriptor(
      message, message.GetDescriptor()->FindOneofByName(oneof));
}

// Decodes one member of a message, putting its name before the field of an error.
template <typename Decoder, typename Member>
auto DecodeMember(std::string_view name, Decoder decode, const Member& member)
    -> decltype(decode(member)) {
  auto decoded = decode(member);
  if (!decoded.ok()) return WithFieldPrefix(std::move(decoded).status(), name);
  return decoded;
}

// A kind whose parameters are plain fields.
template <typename Spec>
absl::StatusOr<Spec> DecodeParameters(const google::protobuf::Message& message) {
  Spec spec;
  ParameterReader fields(message);
  Describe(fields, spec);
  return spec;
}

template <typename Spec>
void EncodeParameters(const Spec& spec, google::protobuf::Message* message) {
  ParameterWriter fields(message);
  Describe(fields, spec);
}

// A spec of a family whose message has a `kind` and, each optional, the parameters of all of its
// kinds.
template <typename Wire, typename Variant, typename Message>
void EncodeKind(const Variant& spec, absl::Span<const KindRow<Wire, Variant>> rows,
                Message* message) {
  message->set_kind(rows[spec.index()].wire);
  std::visit([&](const auto& kind) { EncodeParameters(kind, message); }, spec);
}

// kInvalidArgument naming a parameter that the message's kind does not take.
template <typename Wire, typename Variant, typename Message>
absl::StatusOr<Variant> DecodeKind(const Message& message,
                                   absl::Span<const KindRow<Wire, Variant>> rows) {
  auto decoded = FromWire("kind", rows, message.kind());
  if (!decoded.ok()) return decoded;
  ParameterReader fields(message);
  std::visit([&](auto& kind) { Describe(fields, kind); }, *decoded);
  Message taken;
  EncodeKind(*decoded, rows, &taken);
  if (auto problem = CheckFieldsAmong(taken, message); !problem.ok()) return problem;
  return decoded;
}

}  // namespace descent::wire

#endif  // SERVER_WIRE_SPEC_PARTS_H_
