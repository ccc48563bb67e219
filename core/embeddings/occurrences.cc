#include "core/embeddings/occurrences.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <utility>

#include "core/check.h"

namespace descent {
namespace {

constexpr int kDigitBits = 8;
constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;

std::size_t DigitOf(const Occurrence& occurrence, int shift) {
  return static_cast<std::size_t>(static_cast<std::uint32_t>(occurrence.table_row()) >> shift) %
         kDigits;
}

}  // namespace

void Occurrences::Reserve(std::size_t values) {
  sorted_.resize(values);
  spare_.resize(values);
}

void Occurrences::Sort(const std::vector<std::int32_t>& table_rows, std::int64_t buckets) {
  DESCENT_CHECK(sorted_.size() == table_rows.size());
  for (std::size_t i = 0; i < table_rows.size(); ++i) sorted_[i] = {table_rows[i], i};
  // Fewer are sorted sooner than digits are counted.
  constexpr std::size_t kFew = 64;
  if (table_rows.size() < kFew) {
    std::ranges::sort(sorted_, std::less<>());
  } else {
    SortByDigits(buckets);
  }
}

// By the lowest digit first, each time keeping the order of equal ones; without comparisons, which
// a processor cannot foresee.
void Occurrences::SortByDigits(std::int64_t buckets) {
  const auto bits = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(buckets - 1)));
  for (int shift = 0; shift < bits; shift += kDigitBits) {
    std::array<std::uint32_t, kDigits> places{};
    for (const Occurrence& occurrence : sorted_) ++places[DigitOf(occurrence, shift)];
    std::uint32_t place = 0;
    for (std::uint32_t& count : places) place += std::exchange(count, place);
    for (const Occurrence& occurrence : sorted_) {
      spare_[places[DigitOf(occurrence, shift)]++] = occurrence;
    }
    sorted_.swap(spare_);
  }
}

std::size_t Occurrences::byte_size() const {
  return (sorted_.capacity() + spare_.capacity()) * sizeof(Occurrence);
}

}  // namespace descent
