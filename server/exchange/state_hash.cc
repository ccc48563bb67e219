#include "server/exchange/state_hash.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/state_hash.h"

namespace descent::exchange {
namespace {

// A slot of so many elements as it begins, without making it whole.
void AddInitialSlot(double value, DataType type, std::int64_t size, StateHasher* hasher) {
  constexpr std::int64_t kElementsAtOnce = 8192;
  Buffer some(type, std::min(size, kElementsAtOnce));
  for (std::int64_t i = 0; i < some.size(); ++i) some.Set(i, value);
  for (std::int64_t left = size; left > 0; left -= some.size()) {
    hasher->Add(some.bytes(),
                static_cast<std::size_t>(std::min(left, some.size())) * ByteWidth(type));
  }
}

}  // namespace

std::uint64_t ImportedStateHash(const Buffer& parameters, const InputStatistics* statistics,
                                const Optimizer& optimizer, const OptimizerStateView* state) {
  StateHasher hasher;
  hasher.Add(parameters.bytes(), parameters.byte_size());
  if (state != nullptr) {
    for (const Buffer& slot : state->slots) hasher.Add(slot.bytes(), slot.byte_size());
    return hasher.Finish(statistics, state->scalars, state->updates);
  }
  for (std::size_t i = 0; i < optimizer.slot_names().size(); ++i) {
    AddInitialSlot(optimizer.InitialSlotValue(static_cast<int>(i)), parameters.type(),
                   parameters.size(), &hasher);
  }
  std::vector<double> scalars;
  for (std::size_t i = 0; i < optimizer.scalar_names().size(); ++i) {
    scalars.push_back(optimizer.InitialScalarValue(static_cast<int>(i)));
  }
  return hasher.Finish(statistics, scalars, /*optimizer_updates=*/0);
}

std::string StateHashText(std::uint64_t hash) {
  return absl::StrCat(absl::Hex(hash, absl::kZeroPad16));
}

}  // namespace descent::exchange
