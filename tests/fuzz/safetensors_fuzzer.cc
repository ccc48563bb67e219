#include "tests/fuzz/safetensors_fuzzer.h"

#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "core/check.h"
#include "core/error.h"
#include "core/finite.h"
#include "tests/exchange/trained_files.h"

namespace descent::exchange {
namespace {

std::string WithLength(const std::string& text) {
  if (text.empty() || text.front() != '{') return text;
  const std::size_t end = text.rfind('}');
  const std::uint64_t length = end == std::string::npos ? text.size() : end + 1;
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + text;
}

void CheckSafetensors(const TrainedCase& of, const std::string& file) {
  auto read = ReadSafetensors(file, of.network, of.optimizer);
  if (!read.ok()) {
    DESCENT_CHECK(read.status().code() == absl::StatusCode::kInvalidArgument);
    DESCENT_CHECK(!GetErrorDetails(read.status()).reason.empty());
    DESCENT_CHECK(read.status().message().size() < 1000);
    return;
  }
  DESCENT_CHECK(FirstNonFinite(read->parameters) < 0);
  const std::unique_ptr<Trainer> trainer = TrainerOf(*std::move(read), of.optimizer);
  const std::string written = SafetensorsOf(*trainer, /*with_optimizer=*/true);
  auto again = ReadSafetensors(written, of.network, of.optimizer);
  DESCENT_CHECK(again.ok());
  const std::unique_ptr<Trainer> copy = TrainerOf(*std::move(again), of.optimizer);
  DESCENT_CHECK(copy->StateHash() == trainer->StateHash());
  for (std::uint64_t seed = 0; seed < 2; ++seed) {
    const auto step = trainer->Step(BatchFor(of.network, seed));
    DESCENT_CHECK(step.ok() || GetErrorDetails(step.status()).reason == "NON_FINITE_UPDATE");
    DESCENT_CHECK(FirstNonFinite(trainer->snapshot().parameters()) < 0);
  }
}

}  // namespace
}  // namespace descent::exchange

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return -1;
  static const auto* const cases =
      new std::map<std::string, descent::exchange::TrainedCase>(descent::exchange::TrainedCases());
  const std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  descent::exchange::CheckSafetensors(std::next(cases->begin(), data[0] % cases->size())->second,
                                      descent::exchange::WithLength(text));
  return 0;
}
