#include "server/exchange/model_file.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/finite.h"

namespace descent::exchange {

absl::Status CheckFinite(const ParameterLayout& layout, const Buffer& values) {
  const std::int64_t place = FirstNonFinite(values);
  if (place < 0) return absl::OkStatus();
  for (const ParameterInfo& parameter : layout.parameters()) {
    const std::int64_t element = place - parameter.offset;
    if (element < 0 || element >= parameter.size) continue;
    return InvalidField(
        parameter.name,
        absl::StrCat("expected finite values, got ", values.At(place), " at element ", element),
        {{"element", absl::StrCat(element)}}, "NON_FINITE_VALUE");
  }
  return InvalidField("parameters", "expected finite values", {}, "NON_FINITE_VALUE");
}

}  // namespace descent::exchange
