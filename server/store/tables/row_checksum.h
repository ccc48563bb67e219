// The checksum that every row which matters carries, over all its columns, so that a bit that has
// flipped on the disk is seen and no row is taken for another.

#ifndef SERVER_STORE_TABLES_ROW_CHECKSUM_H_
#define SERVER_STORE_TABLES_ROW_CHECKSUM_H_

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace descent::store {

// XXH3 (64 bits).
std::uint64_t HashOf(std::string_view bytes);

// A column of REAL as it will be read again: SQLite keeps neither NaN (which no column holds) nor
// the sign of zero.
inline double AsKept(double value) { return value == value ? value + 0.0 : 0.0; }

// Collects what a row's checksum is over: the table's name and a zero byte, then of each column 8
// bytes, little-endian: an INTEGER, the bits of a REAL, the XXH3 of a TEXT or BLOB.
class RowHasher {
 public:
  explicit RowHasher(std::string_view table) : bytes_(table) { bytes_ += '\0'; }

  void Add(bool value) { AddWord(value ? 1 : 0); }
  void Add(std::int64_t value) { AddWord(static_cast<std::uint64_t>(value)); }
  void Add(double value) { AddWord(std::bit_cast<std::uint64_t>(value)); }
  void Add(std::string_view value) { AddWord(HashOf(value)); }

  std::int64_t Finish() const { return static_cast<std::int64_t>(HashOf(bytes_)); }

 private:
  void AddWord(std::uint64_t word) {
    for (int shift = 0; shift < 64; shift += 8) bytes_ += static_cast<char>(word >> shift);
  }

  std::string bytes_;
};

template <typename... Columns>
std::int64_t RowChecksum(std::string_view table, const Columns&... columns) {
  RowHasher hasher(table);
  (hasher.Add(columns), ...);
  return hasher.Finish();
}

}  // namespace descent::store

#endif  // SERVER_STORE_TABLES_ROW_CHECKSUM_H_
