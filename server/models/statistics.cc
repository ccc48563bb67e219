#include "server/models/statistics.h"

namespace descent::models {

std::string_view ModelConditionName(ModelCondition condition) {
  constexpr std::array<std::string_view, kModelConditions> kNames = {"serving", "recovering",
                                                                     "quarantined", "failed"};
  return kNames[static_cast<std::size_t>(condition)];
}

}  // namespace descent::models
