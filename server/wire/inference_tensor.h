// One input tensor of a ModelInferRequest, and its contents, which are found where they lie: in
// raw_input_contents, or in the field that goes with the datatype. Nothing is copied.

#ifndef SERVER_WIRE_INFERENCE_TENSOR_H_
#define SERVER_WIRE_INFERENCE_TENSOR_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "inference/open_inference.pb.h"
#include "server/wire/inference_type.h"

namespace descent::wire {

// The datatype of texts, which has no row among the numbers' types.
inline constexpr std::string_view kBytesType = "BYTES";

class InputTensor {
 public:
  using Message = inference::ModelInferRequest::InferInputTensor;

  InputTensor(const inference::ModelInferRequest& request, int index)
      : request_(request), index_(index), later_field_(index == 0 ? "" : FieldOf(index)) {}

  const Message& message() const { return request_.inputs(index_); }
  bool is_raw() const { return request_.raw_input_contents_size() > 0; }
  // Only of a request that has as many as inputs, or none.
  const std::string& raw() const { return request_.raw_input_contents(index_); }
  absl::Span<const std::int64_t> shape() const {
    return absl::MakeConstSpan(message().shape().data(),
                               static_cast<std::size_t>(message().shape_size()));
  }

  // "inputs[2]", "inputs[2].datatype", "raw_input_contents[2]".
  std::string_view field() const { return index_ == 0 ? kFirstField : later_field_; }
  std::string Member(std::string_view name) const;
  std::string RawField() const;

 private:
  // Most requests have one input, and nothing wrong with it.
  static constexpr std::string_view kFirstField = "inputs[0]";
  static std::string FieldOf(int index) { return absl::StrCat("inputs[", index, "]"); }

  const inference::ModelInferRequest& request_;
  const int index_;
  const std::string later_field_;
};

// Contents that are known to be what datatype and shape say, laid out as raw elements of `type`.
struct InputElements {
  const InferenceType* type;
  const char* data;
  std::int64_t count;
};

// The `count` elements of a tensor of numbers.
absl::StatusOr<InputElements> ElementsOf(const InputTensor& tensor, const InferenceType& type,
                                         std::int64_t count);

// That there may be `count` texts in a tensor of BYTES, as far as can be told at once: as much has
// come as they take at least.
absl::Status CheckTextCount(const InputTensor& tensor, std::int64_t count);

// Calls take(text) for each of so many texts, having checked that, in their order; they lie in the
// request. Where a length turns out to be wrong, some calls have been made.
absl::Status ForEachText(const InputTensor& tensor, std::int64_t count,
                         absl::FunctionRef<void(std::string_view)> take);

}  // namespace descent::wire

#endif  // SERVER_WIRE_INFERENCE_TENSOR_H_
