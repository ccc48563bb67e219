#include "client/cli/encoding/fingerprint.h"

#include <algorithm>
#include <bit>
#include <string>
#include <vector>

#include "client/cli/tables/random.h"

namespace descent::cli {
namespace {

// The same on every machine, as digests are kept.
uint64_t HashOf(const std::string& text) {
  uint64_t hash = text.size();
  for (const char byte : text) hash = MixBits(hash ^ static_cast<unsigned char>(byte));
  return hash;
}

}  // namespace

RowsFingerprint FingerprintOf(const Dataset& dataset) {
  // Column by column, as they lie in memory: a row's hash so far goes into its next.
  std::vector<uint64_t> hashes(static_cast<size_t>(dataset.rows));
  const auto add_numbers = [&hashes](const std::vector<double>& numbers) {
    for (size_t row = 0; row < numbers.size(); ++row) {
      hashes[row] = MixBits(hashes[row] ^ std::bit_cast<uint64_t>(numbers[row]));
    }
  };
  for (const EncodedColumn& column : dataset.inputs) {
    add_numbers(column.numbers);
    if (column.is_embedded()) {
      // Codes are in order of appearance, which is a file's own.
      std::vector<uint64_t> of_texts;
      of_texts.reserve(column.texts.size());
      for (const std::string& text : column.texts) of_texts.push_back(HashOf(text));
      for (size_t row = 0; row < column.codes.size(); ++row) {
        hashes[row] = MixBits(hashes[row] ^ of_texts[column.codes[row]]);
      }
      continue;
    }
    for (size_t row = 0; row < column.codes.size(); ++row) {
      hashes[row] = MixBits(hashes[row] ^ static_cast<uint64_t>(int64_t{column.codes[row]}));
    }
  }
  add_numbers(dataset.targets);
  RowsFingerprint fingerprint{dataset.rows, 0};
  for (const uint64_t hash : hashes) fingerprint.digest += MixBits(hash);  // in any order
  return fingerprint;
}

bool Remember(const RowsFingerprint& rows, std::vector<RowsFingerprint>* trained_on) {
  constexpr size_t kMostFiles = 32;  // kept in a label, some fifty bytes each
  if (std::find(trained_on->begin(), trained_on->end(), rows) != trained_on->end()) return false;
  trained_on->push_back(rows);
  if (trained_on->size() > kMostFiles) trained_on->erase(trained_on->begin());
  return true;
}

RowsFingerprint operator+(const RowsFingerprint& a, const RowsFingerprint& b) {
  return {a.rows + b.rows, a.digest + b.digest};
}

}  // namespace descent::cli
