#include "core/layers/sizes.h"

#include "absl/strings/str_cat.h"
#include "core/error.h"

namespace descent {

absl::Status ValidateSize(std::string_view field, std::int64_t value) {
  if (value >= 1 && value <= kMaxElements) return absl::OkStatus();
  return InvalidField(field,
                      value < 1 ? absl::StrCat("expected at least 1, got ", value)
                                : absl::StrCat("expected at most ", kMaxElements, ", got ", value));
}

}  // namespace descent
