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
#include "core/embeddings/categories.h"
#include "core/network.h"
#include "server/models/commands.h"
#include "server/rest/inference_json.h"
#include "server/wire/inference.h"
#include "tests/support/random_network.h"

namespace descent::rest {
namespace {

// Networks of each kind: numbers, categories, and both.
const std::vector<std::shared_ptr<const Network>>& SmallNetworks() {
  static const auto* const networks = [] {
    auto* const made = new std::vector<std::shared_ptr<const Network>>;
    for (const DataType type : {DataType::kFloat32, DataType::kFloat64}) {
      for (const bool has_numbers : {true, false}) {
        for (const bool has_categories : {true, false}) {
          if (!has_numbers && !has_categories) continue;
          NetworkSpec spec = testing::DenseNetwork(has_numbers ? 2 : 0, {1}, IdentityActivation{},
                                                   MeanSquaredErrorLoss{}, type);
          if (has_categories) {
            spec.categorical_inputs = {
                {.name = "shop", .buckets = 300, .dimension = 1},
                {.name = "country", .buckets = 50, .dimension = 2, .hashing = Hashing::kXxh64}};
          }
          made->push_back(testing::MakeNetwork(spec));
        }
      }
    }
    return made;
  }();
  return *networks;
}

void CheckRefusal(const absl::Status& status) {
  DESCENT_CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  DESCENT_CHECK(status.message().size() < 1000);
}

void CheckCommand(const models::PredictCommand& command, const Network& network) {
  const Matrix& inputs = command.inputs;
  DESCENT_CHECK(inputs.type() == network.data_type());
  DESCENT_CHECK(inputs.cols() == network.input_features() && inputs.rows() >= 1);
  for (std::int64_t i = 0; i < inputs.size(); ++i) {
    DESCENT_CHECK(std::isfinite(inputs.buffer().At(i)));
  }
  const auto& categorical = network.spec().categorical_inputs;
  DESCENT_CHECK(command.categories.size() == categorical.size());
  for (std::size_t i = 0; i < categorical.size(); ++i) {
    DESCENT_CHECK(ValidateCategoryValues(categorical[i], command.categories[i], inputs.rows(),
                                         network.data_type())
                      .ok());
  }
}

// What is decoded is as the models want it.
void CheckMessage(const inference::ModelInferRequest& message) {
  for (const std::shared_ptr<const Network>& network : SmallNetworks()) {
    const auto command = wire::Decode(message, *network);
    if (command.ok()) {
      CheckCommand(*command, *network);
    } else {
      CheckRefusal(command.status());
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
