#include "client/cli/tables/embed_option.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/cli/failure.h"
#include "client/cli/format.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

// The contract's bound of a table's rows. Of its columns the server knows how many there may be.
constexpr int64_t kMostOfSize = std::numeric_limits<int32_t>::max();

absl::StatusOr<int64_t> ParseSize(absl::string_view what, absl::string_view digits,
                                  const std::string& text) {
  int64_t size = 0;
  if (absl::SimpleAtoi(digits, &size) && size >= 1 && size <= kMostOfSize) return size;
  return UsageError(absl::StrCat("--embed ", Shortened(text),
                                 ": expected COLUMN, COLUMN:DIMENSION or COLUMN:DIMENSION:BUCKETS, "
                                 "with a ",
                                 what, " from 1 to ", kMostOfSize, ", got \"", Shortened(digits),
                                 "\""));
}

// The ways to cut the text into a column and up to two sizes, the longest column first.
std::vector<std::pair<std::string, std::vector<std::string>>> CutsOf(const std::string& text) {
  std::vector<std::pair<std::string, std::vector<std::string>>> cuts = {{text, {}}};
  for (int i = 0; i < 2; ++i) {
    auto [column, sizes] = cuts.back();
    const size_t colon = column.rfind(':');
    if (colon == std::string::npos) break;
    sizes.insert(sizes.begin(), column.substr(colon + 1));
    column.resize(colon);
    cuts.emplace_back(std::move(column), std::move(sizes));
  }
  return cuts;
}

bool AreSizes(const std::vector<std::string>& sizes) {
  return std::all_of(sizes.begin(), sizes.end(), [](const std::string& size) {
    int64_t number = 0;
    return absl::SimpleAtoi(size, &number);
  });
}

}  // namespace

absl::StatusOr<EmbedOption> ParseEmbed(const std::string& text, const ColumnFinder& find) {
  absl::Status not_found;
  for (const auto& [column, sizes] : CutsOf(text)) {
    const absl::StatusOr<size_t> found = find(column);
    if (!found.ok()) {
      // Of "shp:8" it is shp that there is none of, of "a:b" the whole.
      if (not_found.ok() || AreSizes(sizes)) not_found = found.status();
      continue;
    }
    EmbedOption option{*found, {}};
    if (!sizes.empty()) {
      ASSIGN_OR_RETURN(option.sizes.dimension, ParseSize("dimension", sizes[0], text));
    }
    if (sizes.size() > 1) {
      ASSIGN_OR_RETURN(option.sizes.buckets, ParseSize("number of buckets", sizes[1], text));
    }
    return option;
  }
  return not_found;
}

}  // namespace descent::cli
