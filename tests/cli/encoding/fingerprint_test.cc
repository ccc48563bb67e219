#include "client/cli/encoding/fingerprint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace descent::cli {
namespace {

Dataset Rows(const std::vector<double>& numbers, const std::vector<int32_t>& codes,
             const std::vector<double>& targets) {
  Dataset dataset;
  dataset.rows = static_cast<int64_t>(targets.size());
  dataset.inputs.resize(2);
  dataset.inputs[0].numbers = numbers;
  dataset.inputs[1].codes = codes;
  dataset.targets = targets;
  return dataset;
}

TEST(FingerprintTest, IsThatOfTheRowsInAnyOrderAndInPieces) {
  const RowsFingerprint all = FingerprintOf(Rows({1, 2, 3}, {0, 1, kNoCategory}, {7, 8, 9}));
  EXPECT_EQ(all.rows, 3);
  EXPECT_EQ(FingerprintOf(Rows({3, 1, 2}, {kNoCategory, 0, 1}, {9, 7, 8})), all);
  EXPECT_EQ(
      FingerprintOf(Rows({1}, {0}, {7})) + FingerprintOf(Rows({2, 3}, {1, kNoCategory}, {8, 9})),
      all);
}

TEST(FingerprintTest, IsAnotherForOtherRows) {
  const RowsFingerprint all = FingerprintOf(Rows({1, 2}, {0, 1}, {7, 8}));
  EXPECT_FALSE(FingerprintOf(Rows({2, 1}, {0, 1}, {7, 8})) == all);  // cells changed places
  EXPECT_FALSE(FingerprintOf(Rows({1, 2}, {0, 1}, {7, 9})) == all);
  EXPECT_FALSE(FingerprintOf(Rows({1, 2}, {1, 1}, {7, 8})) == all);
  EXPECT_FALSE(FingerprintOf(Rows({1}, {0}, {7})) == all);
  EXPECT_FALSE(FingerprintOf(Rows({}, {}, {})) == all);
}

TEST(RememberTest, KeepsTheLatestFilesAndEachOnce) {
  std::vector<RowsFingerprint> trained_on;
  EXPECT_TRUE(Remember({1, 1}, &trained_on));
  EXPECT_FALSE(Remember({1, 1}, &trained_on));
  EXPECT_TRUE(Remember({1, 2}, &trained_on));
  EXPECT_THAT(trained_on, testing::ElementsAre(RowsFingerprint{1, 1}, RowsFingerprint{1, 2}));
  for (uint64_t file = 3; file < 100; ++file) EXPECT_TRUE(Remember({1, file}, &trained_on));
  EXPECT_EQ(trained_on.size(), 32U);
  EXPECT_EQ(trained_on.back(), (RowsFingerprint{1, 99}));
}

// The texts of one embedded column, numbered as they appear.
Dataset Texts(const std::vector<std::string>& texts, const std::vector<int32_t>& codes) {
  Dataset dataset;
  dataset.rows = static_cast<int64_t>(codes.size());
  dataset.inputs.resize(1);
  dataset.inputs[0].input = "shop";
  dataset.inputs[0].texts = texts;
  dataset.inputs[0].codes = codes;
  return dataset;
}

TEST(FingerprintTest, OfTextsDoesNotDependOnTheirNumbers) {
  const RowsFingerprint all = FingerprintOf(Texts({"a", "b"}, {0, 1, 1}));
  EXPECT_EQ(FingerprintOf(Texts({"b", "a"}, {0, 0, 1})), all);
  EXPECT_EQ(FingerprintOf(Texts({"a"}, {0})) + FingerprintOf(Texts({"b"}, {0, 0})), all);
  EXPECT_FALSE(FingerprintOf(Texts({"a", "b"}, {0, 0, 1})) == all);
  EXPECT_FALSE(FingerprintOf(Texts({"a", "ba"}, {0, 1, 1})) == all);
}

}  // namespace
}  // namespace descent::cli
