#include "server/exchange/model_file.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "core/finite.h"

namespace descent::exchange {

absl::Status InvalidFile(std::string_view reason, std::string_view what, Metadata metadata) {
  return InvalidField("file", what, metadata, reason);
}

absl::Status CheckFinite(const ParameterLayout& layout, const Buffer& values) {
  const std::int64_t place = FirstNonFinite(values);
  if (place < 0) return absl::OkStatus();
  for (const ParameterInfo& parameter : layout.parameters()) {
    const std::int64_t element = place - parameter.offset;
    if (element < 0 || element >= parameter.size) continue;
    return InvalidFile("NON_FINITE_VALUE",
                       absl::StrCat("parameter ", parameter.name, ": expected finite values, got ",
                                    values.At(place), " at element ", element),
                       {{"tensor", parameter.name}, {"element", absl::StrCat(element)}});
  }
  return InvalidFile("NON_FINITE_VALUE", "expected finite values");
}

}  // namespace descent::exchange
