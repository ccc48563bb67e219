#include "server/wire/fingerprint.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "descent/v1/model_service.pb.h"
#include "gtest/gtest.h"

namespace descent::wire {
namespace {

TEST(FingerprintTest, IsTheSameForTheSameValues) {
  const auto digest = [] {
    return Fingerprint("Step").Add("model").Add(std::int64_t{7}).Add(0.5).Digest();
  };
  EXPECT_EQ(digest(), digest());
}

// Kept requests are compared across restarts, so this may never change.
TEST(FingerprintTest, IsTheSameInEveryBuild) {
  EXPECT_EQ(Fingerprint("Step").Add("model").Add(std::int64_t{7}).Digest(), 959601281013548365U);
}

TEST(FingerprintTest, TellsMethodsApart) {
  EXPECT_NE(Fingerprint("Step").Digest(), Fingerprint("SetParameters").Digest());
}

TEST(FingerprintTest, TellsWhereOneValueEndsAndTheNextBegins) {
  EXPECT_NE(Fingerprint("m").Add("ab").Add("c").Digest(),
            Fingerprint("m").Add("a").Add("bc").Digest());
}

TEST(FingerprintTest, TellsAbsentFromZero) {
  EXPECT_NE(Fingerprint("m").Add(std::optional<double>()).Digest(),
            Fingerprint("m").Add(std::optional<double>(0)).Digest());
}

TEST(FingerprintTest, SeesShapeTypeAndEveryElement) {
  const auto digest = [](const Matrix& matrix) { return Fingerprint("m").Add(matrix).Digest(); };
  Matrix matrix(DataType::kFloat32, 2, 3);
  EXPECT_NE(digest(matrix), digest(Matrix(DataType::kFloat32, 3, 2)));
  EXPECT_NE(digest(matrix), digest(Matrix(DataType::kFloat64, 2, 3)));
  const std::uint64_t zeros = digest(matrix);
  for (int row = 0; row < 2; ++row) {
    for (int col = 0; col < 3; ++col) {
      matrix.Set(row, col, 1);
      EXPECT_NE(digest(matrix), zeros);
      matrix.Set(row, col, 0);
    }
  }
  EXPECT_EQ(digest(matrix), zeros);
}

TEST(FingerprintTest, SeesEveryPartOfABatch) {
  const auto make = [] {
    Batch batch;
    batch.inputs = Matrix(DataType::kFloat32, 2, 1);
    batch.targets = ClassIndices{0, 1};
    return batch;
  };
  const auto digest = [](const Batch& batch) { return Fingerprint("m").Add(batch).Digest(); };
  const std::uint64_t plain = digest(make());
  Batch other_class = make();
  std::get<ClassIndices>(other_class.targets)[1] = 2;
  EXPECT_NE(digest(other_class), plain);
  Batch weighted = make();
  weighted.weights = Matrix(DataType::kFloat32, 2, 1);
  EXPECT_NE(digest(weighted), plain);
  Batch values = make();
  values.targets = Matrix(DataType::kFloat32, 2, 1);
  EXPECT_NE(digest(values), plain);
}

TEST(FingerprintTest, DoesNotDependOnTheOrderOfAMap) {
  v1::CreateModelRequest forwards;
  v1::CreateModelRequest backwards;
  for (int i = 0; i < 40; ++i) {
    (*forwards.mutable_model()->mutable_labels())[absl::StrCat(i)] = "x";
    (*backwards.mutable_model()->mutable_labels())[absl::StrCat(39 - i)] = "x";
  }
  EXPECT_EQ(Fingerprint("m").Add(forwards).Digest(), Fingerprint("m").Add(backwards).Digest());
}

TEST(FingerprintTest, SeesEveryPartOfCategories) {
  CategoryValues values{.buckets = {1, 2}, .row_splits = {0, 1, 2}, .weights = {}};
  values.weights = Matrix(DataType::kFloat32, 2, 1);
  const auto digest = [&] {
    Categories categories;
    categories.push_back({values.buckets, values.row_splits, values.weights.Clone()});
    return Fingerprint("m").Add(categories).Digest();
  };
  std::uint64_t before = digest();
  const auto expect_other = [&] {
    const std::uint64_t now = digest();
    EXPECT_NE(now, before);
    before = now;
  };
  values.buckets[1] = 3;
  expect_other();
  values.row_splits[1] = 2;
  expect_other();
  values.row_splits.clear();
  expect_other();
  values.weights.Set(1, 0, 1);
  expect_other();
  values.weights = Matrix();
  expect_other();
}

TEST(FingerprintTest, SeesRowsAndValuesOfTables) {
  TableGradients gradients{.rows = {{1}, {}}, .values = Buffer(DataType::kFloat32, 2)};
  const auto digest = [&] { return Fingerprint("m").Add(gradients).Digest(); };
  const std::uint64_t first = digest();
  gradients.rows = {{}, {1}};
  const std::uint64_t second = digest();
  EXPECT_NE(second, first);
  gradients.values.Set(1, 1);
  EXPECT_NE(digest(), second);
}

// Kept requests of networks without categories are compared with what earlier builds made of them.
TEST(FingerprintTest, WithoutCategoriesIsAsEver) {
  EXPECT_EQ(
      Fingerprint("m").Add(Batch()).Digest(),
      Fingerprint("m").Add(Matrix()).Add(std::int64_t{0}).Add(Matrix()).Add(Matrix()).Digest());
  EXPECT_EQ(Fingerprint("m").Add(TableGradients()).Digest(), Fingerprint("m").Digest());
}

}  // namespace
}  // namespace descent::wire
