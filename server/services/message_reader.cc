#include "server/services/message_reader.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "core/error.h"

namespace descent::services {

absl::StatusOr<models::MemoryCharge> MessageReader::Admit(const MethodName& name,
                                                          const MessageCost& cost) const {
  if (cost.fields > limits_.max_fields) {
    return Error(
        absl::StatusCode::kInvalidArgument, "TOO_MANY_FIELDS",
        absl::StrCat(std::string(name.method), ": the message has more than ", limits_.max_fields,
                     " fields; send values packed, or several messages"),
        {{"limit", absl::StrCat(limits_.max_fields)}});
  }
  return memory_->Reserve(models::MemoryPurpose::kReceived, cost.bytes);
}

}  // namespace descent::services
