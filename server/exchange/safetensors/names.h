// What tensors are called in files that this program writes, beside parameters.

#ifndef SERVER_EXCHANGE_SAFETENSORS_NAMES_H_
#define SERVER_EXCHANGE_SAFETENSORS_NAMES_H_

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace descent::exchange {

inline constexpr char kOptimizerPrefix[] = "optimizer.";

inline constexpr char kMeanName[] = "inputs.mean";
inline constexpr char kSquaresName[] = "inputs.squares";
inline constexpr char kRowsName[] = "inputs.rows";
inline constexpr char kWeightSumName[] = "inputs.weight_sum";

// Of a slot's values for a parameter.
inline std::string SlotName(std::string_view slot, std::string_view parameter) {
  return absl::StrCat(kOptimizerPrefix, absl::string_view(slot.data(), slot.size()), ".",
                      absl::string_view(parameter.data(), parameter.size()));
}
inline std::string ScalarName(std::string_view scalar) {
  return absl::StrCat(kOptimizerPrefix, absl::string_view(scalar.data(), scalar.size()));
}

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_SAFETENSORS_NAMES_H_
