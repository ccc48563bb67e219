#include "tests/fuzz/inference_fuzzer.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/check.h"
#include "core/network.h"
#include "server/rest/inference_json.h"
#include "server/wire/inference.h"
#include "tests/support/random_network.h"

namespace descent::rest {
namespace {

const Network& SmallNetwork(DataType type) {
  using testing::DenseNetwork;
  using testing::MakeNetwork;
  static const auto* const networks = new std::vector<std::shared_ptr<const Network>>{
      MakeNetwork(
          DenseNetwork(2, {1}, IdentityActivation{}, MeanSquaredErrorLoss{}, DataType::kFloat32)),
      MakeNetwork(
          DenseNetwork(2, {1}, IdentityActivation{}, MeanSquaredErrorLoss{}, DataType::kFloat64)),
  };
  return *(*networks)[type == DataType::kFloat32 ? 0 : 1];
}

void CheckRefusal(const absl::Status& status) {
  DESCENT_CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  DESCENT_CHECK(status.message().size() < 1000);
}

// What is decoded is as the models want it.
void CheckMessage(const inference::ModelInferRequest& message) {
  for (const DataType type : {DataType::kFloat32, DataType::kFloat64}) {
    const auto command = wire::Decode(message, SmallNetwork(type));
    if (!command.ok()) {
      CheckRefusal(command.status());
      continue;
    }
    const Matrix& inputs = command->inputs;
    DESCENT_CHECK(inputs.type() == type && inputs.cols() == 2 && inputs.rows() >= 1);
    for (std::int64_t i = 0; i < inputs.size(); ++i) {
      DESCENT_CHECK(std::isfinite(inputs.buffer().At(i)));
    }
  }
  (void)wire::ModelName(message);
  (void)wire::VersionStep(message.model_version());
}

void CheckBody(std::string_view body, std::size_t json_bytes) {
  const auto request = ReadInferRequest(body, json_bytes, "line", "");
  if (request.ok()) {
    DESCENT_CHECK(request->message.raw_input_contents_size() == request->message.inputs_size());
    CheckMessage(request->message);
  } else {
    CheckRefusal(request.status());
  }
}

}  // namespace
}  // namespace descent::rest

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The entry point stands outside of all namespaces.
  using namespace descent;  // NOLINT(google-build-using-namespace)
  if (size < 2) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  if (data[0] % 2 == 0) {
    inference::ModelInferRequest message;
    if (message.ParseFromArray(rest.data(), static_cast<int>(rest.size()))) {
      rest::CheckMessage(message);
    }
  } else {
    const std::size_t behind = std::min<std::size_t>(data[1], rest.size());
    rest::CheckBody(rest, rest.size() - behind);
  }
  return 0;
}
