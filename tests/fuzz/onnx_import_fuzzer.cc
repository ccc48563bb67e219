#include "tests/fuzz/onnx_import_fuzzer.h"

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/error.h"
#include "core/finite.h"
#include "core/losses/kinds.h"
#include "core/network.h"
#include "core/snapshot.h"
#include "core/trainer.h"
#include "server/exchange/onnx/onnx_export.h"
#include "server/exchange/onnx/onnx_import.h"

namespace descent::exchange {
namespace {

void RequireOnnx(bool condition) {
  if (!condition) std::abort();
}

std::string Written(const Network& network, const ImportedModel& model) {
  TrainerState state;
  state.step = model.step;
  state.parameters =
      SnapshotPool(model.parameters.type(), model.parameters.size()).Acquire(model.step);
  *SnapshotPool::mutable_parameters(state.parameters) = model.parameters.Clone();
  SnapshotPool::SetStatistics(state.parameters, model.statistics);
  const OptimizerSpec optimizer;
  absl::StatusOr<std::string> file = WriteOnnx(
      {.network = network, .optimizer = optimizer, .state = state, .metadata = model.metadata});
  RequireOnnx(file.ok());
  return *std::move(file);
}

// The file that an imported model is exported as.
std::string CheckedFile(const ImportedModel& model, std::size_t file_bytes) {
  const auto network = Network::Create(model.network);
  RequireOnnx(network.ok());
  RequireOnnx((*network)->layout().size() == model.parameters.size());
  RequireOnnx(FirstNonFinite(model.parameters) < 0);
  RequireOnnx(model.parameters.byte_size() <= (std::size_t{1} << 20) + 4 * file_bytes);
  RequireOnnx((model.statistics != nullptr) == (*network)->normalizes_inputs());
  if (model.statistics != nullptr) {
    RequireOnnx(model.statistics->IsFinite());
    RequireOnnx(model.statistics->features() == model.network.input_features);
  }
  return Written(**network, model);
}

void CheckOnnxFile(absl::string_view file, const OnnxHints& hints) {
  const absl::StatusOr<ImportedModel> model = ReadOnnx(file, hints);
  if (!model.ok()) {
    RequireOnnx(model.status().code() == absl::StatusCode::kInvalidArgument);
    RequireOnnx(!GetErrorDetails(model.status()).reason.empty());
    RequireOnnx(model.status().message().size() < 4000);
    return;
  }
  const std::string written = CheckedFile(*model, file.size());
  const absl::StatusOr<ImportedModel> again = ReadOnnx(written, {.described = model->network});
  RequireOnnx(again.ok());
  RequireOnnx(CheckedFile(*again, written.size()) == written);
}

}  // namespace
}  // namespace descent::exchange

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return -1;
  const absl::string_view file(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto losses = descent::Losses();
  const std::size_t loss = data[0] % (losses.size() + 1);
  descent::exchange::OnnxHints hints;
  if (loss < losses.size()) hints.loss = losses[loss].defaults;
  descent::exchange::CheckOnnxFile(file, hints);
  return 0;
}
