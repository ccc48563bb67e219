#include "client/cli/training/target_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace descent::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Each value as often as is said.
std::vector<double> Values(const std::vector<std::pair<double, int>>& counts) {
  std::vector<double> values;
  for (const auto& [value, count] : counts) values.insert(values.end(), count, value);
  return values;
}

std::vector<double> Evenly(int first, int last, int rows_of_each) {
  std::vector<double> values;
  for (int value = first; value <= last; ++value) values.insert(values.end(), rows_of_each, value);
  return values;
}

TEST(TargetChoiceTest, TakesTwoNumberedValuesForClasses) {
  EXPECT_EQ(LookOf(Values({{0, 1}, {1, 1}})), TargetLook::kClasses);
  EXPECT_EQ(LookOf(Values({{0, 100'000}, {1, 3}})), TargetLook::kClasses);  // rare, but there
  EXPECT_EQ(LookOf(Values({{1, 5}, {2, 5}})), TargetLook::kClasses);
  EXPECT_EQ(LookOf(Values({{-1, 5}, {1, 5}})), TargetLook::kClasses);
  EXPECT_EQ(LookOf(Values({{5, 50}, {100, 50}})), TargetLook::kClasses);
  EXPECT_EQ(LookOf(Values({{5, 2}, {100, 2}})), TargetLook::kFewNumbers);
}

TEST(TargetChoiceTest, TakesDigitsRatingsAndSpeciesForClasses) {
  EXPECT_EQ(LookOf(Evenly(0, 9, 180)), TargetLook::kClasses);
  EXPECT_EQ(LookOf(Evenly(0, 2, 50)), TargetLook::kClasses);
  EXPECT_EQ(LookOf(Evenly(-1, 1, 20)), TargetLook::kClasses);
  EXPECT_EQ(LookOf(Values({{1, 60}, {2, 30}, {3, 90}, {4, 280}, {5, 540}})), TargetLook::kClasses);
}

TEST(TargetChoiceTest, LeavesCountsAndQuantitiesNumbers) {
  // Rooms: a distribution with a thin end.
  EXPECT_EQ(
      LookOf(Values({{1, 8}, {2, 60}, {3, 240}, {4, 380}, {5, 210}, {6, 70}, {7, 20}, {8, 5}})),
      TargetLook::kFewNumbers);
  // Children.
  EXPECT_EQ(LookOf(Values({{0, 500}, {1, 300}, {2, 150}, {3, 40}, {4, 10}})),
            TargetLook::kFewNumbers);
  EXPECT_EQ(LookOf(Values({{4, 100}, {6, 70}, {8, 140}})), TargetLook::kFewNumbers);  // cylinders
  EXPECT_EQ(LookOf(Evenly(0, 4, 3)), TargetLook::kFewNumbers);  // too few rows to say
  EXPECT_EQ(LookOf(Evenly(18, 90, 20)), TargetLook::kNumber);   // ages
  EXPECT_EQ(LookOf(Evenly(0, 20, 100)), TargetLook::kNumber);   // 21 values
  EXPECT_EQ(LookOf(Values({{0.5, 50}, {1.5, 50}})), TargetLook::kNumber);
  EXPECT_EQ(LookOf(Values({{1, 50}})), TargetLook::kNumber);
  EXPECT_EQ(LookOf({}), TargetLook::kNumber);
}

TEST(TargetChoiceTest, CallsClassesByTheirDigits) {
  Column column;
  column.numbers = {1, 0, -0.0, 10, 1};
  NumbersToCategories(&column);
  EXPECT_EQ(column.schema.kind, ColumnKind::kCategory);
  EXPECT_THAT(column.categories, ElementsAre("1", "0", "10"));
  EXPECT_THAT(column.codes, ElementsAre(0, 1, 1, 2, 0));
}

TEST(TargetChoiceTest, SaysHowToHaveItOtherwise) {
  EXPECT_THAT(NoteOf(TargetLook::kClasses, "y", 2),
              HasSubstr("the target y holds 2 different whole numbers, taken for classes; "
                        "--loss mean_squared_error"));
  EXPECT_THAT(NoteOf(TargetLook::kFewNumbers, "y", 5), HasSubstr("--loss softmax_cross_entropy"));
  EXPECT_THAT(NoteOf(TargetLook::kFewNumbers, "y", 2), HasSubstr("--loss binary_cross_entropy"));
  EXPECT_EQ(NoteOf(TargetLook::kNumber, "y", 21), "");
}

}  // namespace
}  // namespace descent::cli
