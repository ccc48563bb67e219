#include "tests/fuzz/client_answer_fuzzer.h"

#include <cstdio>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/cord.h"
#include "client/cli/commands/parameters.h"
#include "client/cli/encoding/model_data.h"
#include "client/cli/encoding/predictions.h"
#include "client/cli/specs.h"
#include "client/descent/error.h"
#include "client/descent/kept_batches.h"
#include "client/descent/tensor.h"
#include "descent/v1/model_service.pb.h"
#include "descent/v1/network_service.pb.h"
#include "google/rpc/status.pb.h"

namespace descent::fuzz {
namespace {

void Check(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

template <typename Message>
bool Parse(std::string_view bytes, Message* message) {
  return message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

// As many elements as the shape says.
template <typename T>
void CheckValues(const v1::Tensor& tensor) {
  const auto values = client::TensorValues<T>(tensor);
  if (!values.ok()) return;
  double elements = 1;
  for (const std::int64_t size : tensor.shape()) {
    Check(size >= 0, "a dimension is negative");
    elements *= static_cast<double>(size);
  }
  Check(elements == static_cast<double>(values->size()), "more elements than the shape has");
}

void CheckTensor(std::string_view bytes) {
  v1::Tensor tensor;
  if (!Parse(bytes, &tensor)) return;
  CheckValues<float>(tensor);
  CheckValues<double>(tensor);
  // Numbers become integers as a cast has it, which says nothing of those that are none.
  const bool is_real =
      tensor.data_type() == v1::DATA_TYPE_FLOAT32 || tensor.data_type() == v1::DATA_TYPE_FLOAT64;
  if (is_real) return;
  CheckValues<std::int32_t>(tensor);
  CheckValues<std::int64_t>(tensor);
  CheckValues<std::uint8_t>(tensor);
}

void CheckParameters(std::string_view bytes) {
  v1::GetParametersResponse answer;
  if (!Parse(bytes, &answer)) return;
  for (const bool with_values : {false, true}) {
    const auto json = cli::ParametersJson(answer.parameters(), with_values);
    if (json.ok()) {
      Check(json->size() == static_cast<std::size_t>(answer.parameters_size()), "parameters lost");
      json->dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    }
  }
}

void CheckPrediction(std::string_view bytes) {
  if (bytes.size() < 2) return;
  const auto rows = static_cast<std::uint8_t>(bytes[0]);
  const std::size_t model_bytes = static_cast<std::uint8_t>(bytes[1]);
  bytes.remove_prefix(2);
  v1::Model model;
  if (!Parse(bytes.substr(0, model_bytes), &model)) return;
  bytes.remove_prefix(std::min(bytes.size(), model_bytes));
  cli::ShapeOf(model.network());
  cli::NameOf(model.optimizer());
  const auto encoding = cli::EncodingOf(model);
  const cli::Predictions predictions(encoding.ok() ? *encoding : cli::Encoding(), model.network());
  v1::PredictResponse answer;
  if (!Parse(bytes, &answer)) return;
  const auto decoded = predictions.DecodeAnswer(answer.outputs(), rows);
  if (!decoded.ok()) return;
  Check(decoded->size() == rows, "more predictions than rows");
  predictions.CsvHeader();
  for (const cli::Prediction& prediction : *decoded) {
    predictions.CsvRecord(prediction);
    predictions.Json(1, prediction);
  }
}

void CheckError(std::string_view bytes) {
  google::rpc::Status rich;
  if (!Parse(bytes, &rich)) return;
  absl::Status status(absl::StatusCode::kUnavailable, rich.message());
  for (const auto& detail : rich.details()) {
    status.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  }
  const client::ErrorDetails details = client::GetErrorDetails(status);
  Check(details.retry_delay.value_or(absl::ZeroDuration()) >= absl::ZeroDuration(),
        "a pause that is over before it begins");
}

// Numbers near those that a session is about, and at the ends.
std::int64_t NumberOf(const client::KeptBatches& batches, std::uint8_t byte) {
  constexpr std::int64_t kEnds[] = {std::numeric_limits<std::int64_t>::min(),
                                    std::numeric_limits<std::int64_t>::max(), std::int64_t{1} << 62,
                                    0};
  if (byte < 4) return kEnds[byte];
  return batches.last() + (byte % 16) - 8;
}

void CheckSession(std::string_view bytes) {
  client::KeptBatches batches(/*max_replay_bytes=*/256);
  bool begun = false;
  for (; bytes.size() >= 3; bytes.remove_prefix(3)) {
    const auto action = static_cast<std::uint8_t>(bytes[0]);
    const std::int64_t first = NumberOf(batches, static_cast<std::uint8_t>(bytes[1]));
    const std::int64_t second = NumberOf(batches, static_cast<std::uint8_t>(bytes[2]));
    if (!begun) {
      begun = batches.Resume(first).ok();
      if (!begun) return;
      continue;
    }
    switch (action % 4) {
      case 0:
        batches.Append(v1::TrainRequest());
        break;
      case 1:
        batches.TakeNextToSend();
        break;
      case 2:
        if (!batches.Acknowledge(first, second).ok()) return;
        break;
      default:
        if (!batches.Resume(first).ok()) return;
        break;
    }
    Check(batches.applied() <= batches.last() && batches.unapplied() >= 0, "batches out of order");
  }
}

}  // namespace
}  // namespace descent::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The entry point stands outside of all namespaces.
  using namespace descent::fuzz;  // NOLINT(google-build-using-namespace)
  if (size == 0 || data[0] >= kFuzzedAnswers) return -1;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (static_cast<FuzzedAnswer>(data[0])) {
    case FuzzedAnswer::kTensor:
      CheckTensor(bytes);
      break;
    case FuzzedAnswer::kParameters:
      CheckParameters(bytes);
      break;
    case FuzzedAnswer::kPrediction:
      CheckPrediction(bytes);
      break;
    case FuzzedAnswer::kError:
      CheckError(bytes);
      break;
    case FuzzedAnswer::kSession:
      CheckSession(bytes);
      break;
  }
  return 0;
}
