// The values of a categorical input, sorted by the rows of its table that they name. Internal to
// the core.

#ifndef CORE_EMBEDDINGS_OCCURRENCES_H_
#define CORE_EMBEDDINGS_OCCURRENCES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace descent {

// A value's row of the table above its place among the values, so that occurrences of one row are
// in the order of the batch.
class Occurrence {
 public:
  static constexpr int kPlaceBits = 32;

  Occurrence() = default;
  Occurrence(std::int32_t table_row, std::size_t place)
      : bits_(static_cast<std::uint64_t>(table_row) << kPlaceBits | place) {}

  std::int32_t table_row() const { return static_cast<std::int32_t>(bits_ >> kPlaceBits); }
  std::int64_t place() const { return static_cast<std::uint32_t>(bits_); }
  bool operator<(const Occurrence& other) const { return bits_ < other.bits_; }

 private:
  std::uint64_t bits_ = 0;
};

// Those of one table; its memory is used again.
class Occurrences {
 public:
  // Room for so many, so that Sort does not throw.
  void Reserve(std::size_t values);

  // `table_rows`: of each value, in [0, buckets); as many as there is room for.
  void Sort(const std::vector<std::int32_t>& table_rows, std::int64_t buckets);

  const std::vector<Occurrence>& sorted() const { return sorted_; }

  std::size_t byte_size() const;

 private:
  void SortByDigits(std::int64_t buckets);

  std::vector<Occurrence> sorted_;
  std::vector<Occurrence> spare_;
};

}  // namespace descent

#endif  // CORE_EMBEDDINGS_OCCURRENCES_H_
