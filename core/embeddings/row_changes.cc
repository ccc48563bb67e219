#include "core/embeddings/row_changes.h"

#include <algorithm>

#include "core/check.h"

namespace descent {
namespace {

std::int64_t CountRows(const RowChanges::Rows& rows) {
  std::int64_t count = 0;
  for (const auto& some : rows) count += static_cast<std::int64_t>(some.size());
  return count;
}

// Room for so many more, as push_back would make it.
template <typename T>
void ReserveMore(std::int64_t more, std::vector<T>* values) {
  const std::size_t needed = values->size() + static_cast<std::size_t>(more);
  if (needed > values->capacity()) values->reserve(std::max(needed, 2 * values->capacity()));
}

}  // namespace

RowChanges::RowChanges(const std::vector<PlacedTable>* tables) : tables_(*tables) {
  for (const PlacedTable& table : tables_) most_rows_ += table.buckets;
  most_rows_ = std::max<std::int64_t>(1, most_rows_ / 4);
}

void RowChanges::Reserve(const Rows& rows) {
  // What is forgotten goes when it is as much as the rest, which then moves.
  if (oldest_ > begins_.size() / 2) {
    const std::int64_t first = oldest_ < begins_.size()
                                   ? begins_[oldest_]
                                   : forgotten_ + static_cast<std::int64_t>(rows_.size());
    rows_.erase(rows_.begin(), rows_.begin() + (first - forgotten_));
    begins_.erase(begins_.begin(), begins_.begin() + static_cast<std::ptrdiff_t>(oldest_));
    forgotten_ = first;
    oldest_ = 0;
  }
  ReserveMore(CountRows(rows), &rows_);
  ReserveMore(1, &begins_);
}

void RowChanges::Add(const Rows& rows) {
  DESCENT_CHECK(rows.size() == tables_.size());
  DESCENT_CHECK(begins_.size() < begins_.capacity());
  begins_.push_back(forgotten_ + static_cast<std::int64_t>(rows_.size()));
  for (std::size_t table = 0; table < rows.size(); ++table) {
    for (const std::int32_t row : rows[table]) {
      rows_.push_back({static_cast<std::int32_t>(table), row});
    }
  }
  const std::int64_t end = forgotten_ + static_cast<std::int64_t>(rows_.size());
  while (oldest_ < begins_.size() && end - begins_[oldest_] > most_rows_) ++oldest_;
}

void RowChanges::Clear() {
  rows_.clear();
  begins_.clear();
  oldest_ = 0;
}

std::size_t RowChanges::byte_size() const {
  return rows_.capacity() * sizeof(Row) + begins_.capacity() * sizeof(std::int64_t);
}

void RowChanges::FreeUnused() {
  rows_.shrink_to_fit();
  begins_.shrink_to_fit();
}

}  // namespace descent
