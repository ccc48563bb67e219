#include "core/embeddings/row_changes.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace descent {
namespace {

using Places = std::vector<std::pair<std::int64_t, std::int64_t>>;  // offset, dimension

std::vector<PlacedTable> Tables(std::int64_t buckets) {
  return {{.offset = 64, .buckets = buckets, .dimension = 3},
          {.offset = 64 + 3 * buckets, .buckets = 2 * buckets, .dimension = 1}};
}

Places PlacesOf(const std::vector<PlacedTable>& tables, const RowChanges::Rows& rows) {
  Places places;
  for (std::size_t t = 0; t < tables.size(); ++t) {
    for (const std::int32_t row : rows[t]) {
      places.emplace_back(tables[t].offset + row * tables[t].dimension, tables[t].dimension);
    }
  }
  return places;
}

Places Changed(const RowChanges& changes, std::int64_t updates) {
  Places places;
  std::vector<std::int64_t> asked_for;
  changes.ForEach(
      updates, [&](std::int64_t offset) { asked_for.push_back(offset); },
      [&](std::int64_t offset, std::int64_t dimension) { places.emplace_back(offset, dimension); });
  const std::size_t at_once = std::min(places.size(), kRowsAhead);
  EXPECT_EQ(asked_for.size(), places.size() - at_once);
  for (std::size_t i = 0; i < asked_for.size(); ++i) {
    EXPECT_EQ(asked_for[i], places[i + at_once].first);
  }
  return places;
}

void Add(const RowChanges::Rows& rows, RowChanges* changes) {
  changes->Reserve(rows);
  changes->Add(rows);
}

TEST(RowChangesTest, KnowsTheRowsOfTheLastUpdates) {
  for (const std::int64_t buckets : {10, 100, 5000}) {
    const std::vector<PlacedTable> tables = Tables(buckets);
    RowChanges changes(&tables);
    std::vector<Places> all;
    std::mt19937_64 random(static_cast<std::uint64_t>(buckets));
    for (int update = 0; update < 500; ++update) {
      RowChanges::Rows rows(2);
      for (std::vector<std::int32_t>& some : rows) {
        some.resize(random() % 12);
        for (std::int32_t& row : some) {
          row = static_cast<std::int32_t>(random() % static_cast<std::uint64_t>(buckets));
        }
      }
      if (random() % 100 == 0) {
        changes.Clear();
        all.clear();
        EXPECT_TRUE(changes.Knows(0));
        EXPECT_FALSE(changes.Knows(1));
      }
      if (random() % 50 == 0) changes.FreeUnused();
      Add(rows, &changes);
      all.push_back(PlacesOf(tables, rows));
      Places expected;
      for (std::int64_t back = 1; back <= std::ssize(all); ++back) {
        const Places& of_one = all[all.size() - static_cast<std::size_t>(back)];
        expected.insert(expected.begin(), of_one.begin(), of_one.end());
        // A quarter of the rows is what it may remember.
        const bool known = std::ssize(expected) <= 3 * buckets / 4;
        ASSERT_EQ(changes.Knows(back), known) << back << " updates of " << all.size();
        if (!known) break;
        ASSERT_EQ(Changed(changes, back), expected);
      }
      EXPECT_FALSE(changes.Knows(std::ssize(all) + 1));
    }
  }
}

// A durable model's buffers come back after hundreds of updates: as many as a sync of the disk
// takes.
TEST(RowChangesTest, OfLargeTablesThousandsOfUpdatesAreKnown) {
  const std::vector<PlacedTable> tables = Tables(100'000);
  RowChanges changes(&tables);
  for (std::int32_t update = 0; update < 3000; ++update) Add({{update}, {update, 7, 9}}, &changes);
  EXPECT_TRUE(changes.Knows(3000));
}

TEST(RowChangesTest, MemoryIsBoundedByTheRowsOfTheTables) {
  for (const std::int64_t buckets : {1, 2, 1000}) {
    const std::vector<PlacedTable> tables = Tables(buckets);
    RowChanges changes(&tables);
    for (int update = 0; update < 100'000; ++update) Add({{0}, {0}}, &changes);
    EXPECT_LE(changes.byte_size(), 512U + static_cast<std::size_t>(buckets) * 3 * 12);
  }
}

}  // namespace
}  // namespace descent
