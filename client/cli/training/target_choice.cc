#include "client/cli/training/target_choice.h"

#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "client/cli/text/cells.h"

namespace descent::cli {
namespace {

constexpr size_t kFew = 20;

// How often each value occurs; no more is counted when there are more than a few.
std::map<double, int64_t> CountFew(absl::Span<const double> values) {
  std::map<double, int64_t> counts;
  for (const double value : values) {
    ++counts[value];
    if (counts.size() > kFew) break;
  }
  return counts;
}

bool AreNumberedInARow(const std::map<double, int64_t>& counts) {
  const double first = counts.begin()->first;
  const double last = counts.rbegin()->first;
  const bool begins_well = first == 0 || first == 1 || (first == -1 && last == 1);
  return begins_well && last - first + 1 == static_cast<double>(counts.size());
}

bool LookLikeTwoClasses(const std::map<double, int64_t>& counts, int64_t rows) {
  constexpr int64_t kEnoughRows = 20;
  const bool usual =
      AreNumberedInARow(counts) || (counts.begin()->first == -1 && counts.rbegin()->first == 1);
  return usual || rows >= kEnoughRows;
}

bool LookLikeManyClasses(const std::map<double, int64_t>& counts, int64_t rows) {
  constexpr int64_t kRowsOfAClass = 10;
  constexpr int64_t kThin = 5;  // an even share, divided by this
  const auto classes = static_cast<int64_t>(counts.size());
  return AreNumberedInARow(counts) && rows >= kRowsOfAClass * classes &&
         kThin * classes * counts.rbegin()->second >= rows;
}

}  // namespace

TargetLook LookOf(absl::Span<const double> values) {
  const std::map<double, int64_t> counts = CountFew(values);
  if (counts.size() < 2 || counts.size() > kFew) return TargetLook::kNumber;
  for (const auto& [value, count] : counts) {
    if (std::trunc(value) != value) return TargetLook::kNumber;
  }
  const auto rows = static_cast<int64_t>(values.size());
  const bool classes =
      counts.size() == 2 ? LookLikeTwoClasses(counts, rows) : LookLikeManyClasses(counts, rows);
  return classes ? TargetLook::kClasses : TargetLook::kFewNumbers;
}

int64_t FewDistinct(absl::Span<const double> values) {
  return static_cast<int64_t>(CountFew(values).size());
}

void NumbersToCategories(Column* column) {
  absl::flat_hash_map<double, int32_t> codes;
  column->codes.reserve(column->numbers.size());
  for (const double number : column->numbers) {
    const auto [entry, is_new] =
        codes.try_emplace(number, static_cast<int32_t>(column->categories.size()));
    if (is_new) {
      // Adding 0 takes the sign from -0.
      column->categories.push_back(SpellNumber(number + 0.0));
    }
    column->codes.push_back(entry->second);
  }
  std::vector<double>().swap(column->numbers);
  column->schema.kind = ColumnKind::kCategory;
}

v1::LossKind DefaultLoss(const Column& target) {
  if (target.schema.kind == ColumnKind::kNumber) return v1::LOSS_KIND_MEAN_SQUARED_ERROR;
  return target.categories.size() <= 2 ? v1::LOSS_KIND_BINARY_CROSS_ENTROPY
                                       : v1::LOSS_KIND_SOFTMAX_CROSS_ENTROPY;
}

std::string NoteOf(TargetLook look, const std::string& target, int64_t distinct) {
  const std::string holds =
      absl::StrCat("the target ", target, " holds ", distinct, " different whole numbers, taken ");
  switch (look) {
    case TargetLook::kNumber:
      return "";
    case TargetLook::kFewNumbers:
      return absl::StrCat(holds, "for a quantity; --loss ",
                          distinct == 2 ? "binary_cross_entropy" : "softmax_cross_entropy",
                          " takes them for classes");
    case TargetLook::kClasses:
      return absl::StrCat(holds,
                          "for classes; --loss mean_squared_error takes them for a quantity");
  }
  return "";
}

}  // namespace descent::cli
