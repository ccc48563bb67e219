#include "core/embeddings/occurrences.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace descent {
namespace {

TEST(OccurrencesTest, AreInTheOrderOfRowsAndThenOfTheBatch) {
  Occurrences occurrences;
  std::mt19937_64 random(1);
  for (const std::int64_t buckets :
       {1LL, 2LL, 255LL, 256LL, 257LL, 65'536LL, 65'537LL, (1LL << 24) + 1, (1LL << 31) - 1}) {
    for (const std::size_t count : {0, 1, 2, 63, 64, 65, 1000}) {
      std::vector<std::int32_t> rows(count);
      for (std::int32_t& row : rows) {
        // Some rows several times, the last one too.
        row = static_cast<std::int32_t>(
            random() % 4 == 0
                ? buckets - 1
                : static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(buckets)));
      }
      std::vector<std::pair<std::int32_t, std::int64_t>> expected;
      for (std::size_t i = 0; i < count; ++i) {
        expected.emplace_back(rows[i], static_cast<std::int64_t>(i));
      }
      std::ranges::sort(expected);
      occurrences.Reserve(count);
      occurrences.Sort(rows, buckets);
      std::vector<std::pair<std::int32_t, std::int64_t>> sorted;
      for (const Occurrence& each : occurrences.sorted()) {
        sorted.emplace_back(each.table_row(), each.place());
      }
      EXPECT_EQ(sorted, expected) << buckets << " buckets, " << count << " values";
    }
  }
}

}  // namespace
}  // namespace descent
