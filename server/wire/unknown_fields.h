// Refuses requests that say something this build does not know.

#ifndef SERVER_WIRE_UNKNOWN_FIELDS_H_
#define SERVER_WIRE_UNKNOWN_FIELDS_H_

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace descent::wire {

// kInvalidArgument (UNKNOWN_FIELD; metadata field_number) naming the message that holds a field of
// an unknown number, if `request` or any message in it does. Takes time by messages, not by values.
absl::Status RejectUnknownFields(const google::protobuf::Message& request);

}  // namespace descent::wire

#endif  // SERVER_WIRE_UNKNOWN_FIELDS_H_
