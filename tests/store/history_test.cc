// How a model's training went: which points are kept of how many updates.

#include "server/store/history.h"

#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent::store {
namespace {

// Updates of 4 rows each, whose numbers tell their steps.
HistoryPoint Update(std::int64_t step) {
  return {.step = step,
          .time = absl::FromUnixSeconds(step),
          .updates = 1,
          .rows = 4,
          .loss = static_cast<double>(step),
          .gradient_norm = 2.0 * static_cast<double>(step),
          .learning_rate = 1.0 / static_cast<double>(step),
          .measured_rows = 4,
          .measures = {3.0 * static_cast<double>(step), 5.0 * static_cast<double>(step)}};
}

History After(std::int64_t updates) {
  History history;
  for (std::int64_t step = 1; step <= updates; ++step) AddUpdate(Update(step), &history);
  return history;
}

struct Thinning {
  std::int64_t updates;
  std::size_t points;
  std::int64_t interval;
  std::int64_t last_updates;  // that the last point stands for
};

TEST(HistoryTest, IsThinnedToABoundedNumberOfPoints) {
  constexpr std::int64_t kMost = kMostHistoryPoints;
  for (const Thinning& expected : std::vector<Thinning>{
           {0, 0, 1, 0},
           {1, 1, 1, 1},
           {kMost, 512, 1, 1},
           {kMost + 1, 257, 2, 1},
           {kMost + 2, 257, 2, 2},
           {2 * kMost, 512, 2, 2},
           {2 * kMost + 1, 257, 4, 1},
           {100'000, 391, 256, 160},
           {1'000'000, 489, 2048, 576},
       }) {
    SCOPED_TRACE(std::to_string(expected.updates) + " updates");
    const History history = After(expected.updates);
    EXPECT_EQ(history.points.size(), expected.points);
    EXPECT_EQ(history.interval, expected.interval);
    EXPECT_TRUE(IsValid(history, expected.updates));
    if (history.points.empty()) continue;
    EXPECT_EQ(history.points.back().step, expected.updates);
    EXPECT_EQ(history.points.back().updates, expected.last_updates);
  }
}

TEST(HistoryTest, EveryUpdateIsInOnePoint) {
  constexpr std::int64_t kUpdates = 10'000;
  const History history = After(kUpdates);
  std::int64_t before = 0;
  std::int64_t rows = 0;
  for (const HistoryPoint& point : history.points) {
    SCOPED_TRACE(point.step);
    EXPECT_EQ(point.updates, point.step - before);
    EXPECT_EQ(point.time, absl::FromUnixSeconds(point.step));
    EXPECT_EQ(point.learning_rate, 1.0 / static_cast<double>(point.step)) << "of the last one";
    const double mean = static_cast<double>(before + 1 + point.step) / 2;
    EXPECT_NEAR(point.loss, mean, 1e-9 * mean);
    EXPECT_NEAR(point.gradient_norm, 2 * mean, 1e-9 * mean);
    EXPECT_EQ(point.measured_rows, point.rows);
    EXPECT_NEAR(point.measures[0], 3 * mean, 1e-9 * mean);
    EXPECT_NEAR(point.measures[1], 5 * mean, 1e-9 * mean);
    before = point.step;
    rows += point.rows;
  }
  EXPECT_EQ(before, kUpdates);
  EXPECT_EQ(rows, 4 * kUpdates);
}

TEST(HistoryTest, TheSameUpdatesLeadToTheSameBitsWhereverTheyBegin) {
  const History whole = After(5000);
  for (const std::int64_t first : {1, 511, 512, 513, 700, 4999}) {
    History resumed = After(first);
    for (std::int64_t step = first + 1; step <= 5000; ++step) AddUpdate(Update(step), &resumed);
    EXPECT_EQ(resumed, whole) << first;
  }
}

// Gradients from elsewhere, and what was learned before measures were kept.
TEST(HistoryTest, MeasuresAreMeansOverTheRowsThatHaveThem) {
  History history;
  for (std::int64_t step = 1; step <= 513; ++step) {
    HistoryPoint update = Update(step);
    if (step == 1) update.measured_rows = 0;
    if (step == 1) update.measures = {};
    if (step == 4) update.measures = {std::numeric_limits<double>::infinity(), 1};
    AddUpdate(update, &history);
  }
  ASSERT_EQ(history.interval, 2);
  EXPECT_EQ(history.points[0].rows, 8);
  EXPECT_EQ(history.points[0].measured_rows, 4);
  EXPECT_EQ(history.points[0].measures, (BatchMeasures{6, 10})) << "of step 2 alone";
  EXPECT_EQ(history.points[1].measures[0], std::numeric_limits<double>::infinity());
  EXPECT_EQ(history.points[1].measures[1], 8);
  EXPECT_TRUE(IsValid(history, 513));
  history.points[1].measures[0] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(IsValid(history, 513));
  history.points[1].measures[0] = -1;
  EXPECT_FALSE(IsValid(history, 513));
  history.points[1].measures[0] = 1;
  history.points[1].measured_rows = 9;
  EXPECT_FALSE(IsValid(history, 513)) << "of 8 rows";
}

TEST(HistoryTest, StepsWithoutTrainingLeaveGaps) {
  History history;
  AddUpdate(Update(1), &history);
  AddUpdate(Update(1'000'000), &history);
  EXPECT_EQ(history.points.size(), 2U);
  for (std::int64_t step = 1'000'001; history.interval == 1; ++step) {
    AddUpdate(Update(step), &history);
  }
  EXPECT_EQ(history.points.front(), Update(1)) << "there is none to join it with";
  EXPECT_TRUE(IsValid(history, 2'000'000));
}

TEST(HistoryTest, UpdatesFarApartAreEachAPointUntilThereAreTooMany) {
  History history;
  for (std::int64_t i = 1; i <= 1000; ++i) AddUpdate(Update(i * 1'000'000), &history);
  EXPECT_LE(history.points.size(), kMostHistoryPoints);
  EXPECT_GE(history.points.size(), kMostHistoryPoints / 2);
  EXPECT_TRUE(IsValid(history, 1'000'000'000));
}

TEST(HistoryTest, LossesAreWeightedByRows) {
  History history;
  for (std::int64_t step = 1; step <= 512; ++step) {
    HistoryPoint update = Update(step);
    update.rows = step == 1 ? 1 : 3;
    AddUpdate(update, &history);
  }
  AddUpdate(Update(513), &history);
  EXPECT_DOUBLE_EQ(history.points[0].loss, (1 * 1.0 + 3 * 2.0) / 4);
  EXPECT_DOUBLE_EQ(history.points[0].gradient_norm, (2.0 + 4.0) / 2);
}

TEST(HistoryTest, UpdatesWithoutRowsHaveNoPartInTheLoss) {
  History history = After(511);
  HistoryPoint gradients = Update(512);
  gradients.rows = 0;
  gradients.loss = 0;
  gradients.measured_rows = 0;
  AddUpdate(gradients, &history);
  AddUpdate(Update(513), &history);
  EXPECT_EQ(history.points[255].loss, 511);
  EXPECT_EQ(history.points[255].updates, 2);
  History without;
  for (std::int64_t step = 1; step <= 600; ++step) {
    gradients.step = step;
    AddUpdate(gradients, &without);
  }
  EXPECT_EQ(without.points[0].loss, 0);
  EXPECT_TRUE(IsValid(without, 600));
}

TEST(HistoryTest, MeansOfLargeNumbersStayFinite) {
  History history;
  for (std::int64_t step = 1; step <= 5000; ++step) {
    HistoryPoint update = Update(step);
    update.loss = std::numeric_limits<double>::max() * (step % 2 == 0 ? 1 : -1);
    update.gradient_norm = std::numeric_limits<double>::max();
    AddUpdate(update, &history);
  }
  EXPECT_TRUE(IsValid(history, 5000));
}

TEST(HistoryTest, WhatCanNotHaveComeOfUpdatesIsNotValid) {
  const std::vector<void (*)(History*)> changes = {
      [](History* history) { history->interval = 0; },
      [](History* history) { history->interval = -2; },
      [](History* history) { history->interval = 3; },
      [](History* history) { history->points[0].step = 0; },
      [](History* history) { history->points[1].step = history->points[0].step; },
      [](History* history) { history->points[0].step = history->points[1].step - 1; },
      [](History* history) { history->points.back().step = 1001; },
      [](History* history) { history->points[0].updates = 0; },
      [](History* history) { history->points[0].rows = -1; },
      [](History* history) { history->points[0].loss = std::numeric_limits<double>::infinity(); },
      [](History* history) {
        history->points[0].gradient_norm = std::numeric_limits<double>::quiet_NaN();
      },
      [](History* history) {
        history->points[0].learning_rate = std::numeric_limits<double>::infinity();
      },
      [](History* history) { history->points.resize(kMostHistoryPoints + 1); },
  };
  ASSERT_TRUE(IsValid(After(1000), 1000));
  for (std::size_t i = 0; i < changes.size(); ++i) {
    History history = After(1000);
    changes[i](&history);
    EXPECT_FALSE(IsValid(history, 1000)) << i;
  }
}

}  // namespace
}  // namespace descent::store
