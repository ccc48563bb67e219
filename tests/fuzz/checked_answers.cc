#include "tests/fuzz/checked_answers.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "core/check.h"
#include "descent/v1/tensor.pb.h"
#include "server/wire/status.h"

namespace descent::fuzz {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

template <typename T>
bool AreFinite(const std::string& raw) {
  std::vector<T> values(raw.size() / sizeof(T));
  std::memcpy(values.data(), raw.data(), values.size() * sizeof(T));
  return std::all_of(values.begin(), values.end(), [](T value) { return std::isfinite(value); });
}

// Whether every number of an answer is finite.
bool IsFinite(const Message& message) {
  if (const auto* tensor = dynamic_cast<const v1::Tensor*>(&message);
      tensor != nullptr && tensor->contents_case() == v1::Tensor::kRaw) {
    return tensor->data_type() == v1::DATA_TYPE_FLOAT32 ? AreFinite<float>(tensor->raw())
                                                        : AreFinite<double>(tensor->raw());
  }
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const bool repeated = field->is_repeated();
      switch (field->cpp_type()) {
        case FieldDescriptor::CPPTYPE_FLOAT:
          if (!std::isfinite(repeated ? reflection.GetRepeatedFloat(message, field, i)
                                      : reflection.GetFloat(message, field))) {
            return false;
          }
          break;
        case FieldDescriptor::CPPTYPE_DOUBLE:
          if (!std::isfinite(repeated ? reflection.GetRepeatedDouble(message, field, i)
                                      : reflection.GetDouble(message, field))) {
            return false;
          }
          break;
        case FieldDescriptor::CPPTYPE_MESSAGE:
          if (!IsFinite(repeated ? reflection.GetRepeatedMessage(message, field, i)
                                 : reflection.GetMessage(message, field))) {
            return false;
          }
          break;
        default:
          break;
      }
    }
  }
  return true;
}

}  // namespace

void CheckFailure(const absl::Status& status) {
  DESCENT_CHECK(!status.ok() && !wire::ToGrpcStatus(status).error_details().empty());
  DESCENT_CHECK(status.code() != absl::StatusCode::kInternal);
  DESCENT_CHECK(status.code() != absl::StatusCode::kUnknown);
  DESCENT_CHECK(status.code() != absl::StatusCode::kDataLoss);
}

void CheckAnswer(const Message& response) { DESCENT_CHECK(IsFinite(response)); }

}  // namespace descent::fuzz
