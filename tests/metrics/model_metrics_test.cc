#include "server/metrics/model_metrics.h"

#include <map>
#include <string>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/metrics/series.h"

namespace descent::metrics {
namespace {

using models::ModelCondition;
using models::ModelStatistics;
using models::RegistryStatistics;

TEST(ModelMetricsTest, AModelThatCanNotBeHadHasItsStateAndNothingElse) {
  ModelStatistics damaged;
  damaged.name = "prices";
  damaged.condition = ModelCondition::kQuarantined;
  RegistryStatistics statistics;
  statistics.models = {damaged};
  statistics.by_condition = {3, 0, 1, 0};
  statistics.left_out = 3;
  const auto series = testing::SeriesOf(ModelFamilies(statistics));
  EXPECT_EQ(series.at("descent_model_state{model=\"prices\",state=\"quarantined\"}"), 1);
  EXPECT_EQ(series.at("descent_models{state=\"serving\"}"), 3);
  EXPECT_EQ(series.at("descent_models{state=\"quarantined\"}"), 1);
  EXPECT_EQ(series.at("descent_models_without_series"), 3);
  EXPECT_EQ(series.size(), 6);
}

TEST(ModelMetricsTest, WithoutACheckpointThereIsNoTimeOfOne) {
  ModelStatistics model;
  model.name = "prices";
  model.is_there = true;
  model.is_stored = true;
  model.journal_updates = 7;
  RegistryStatistics statistics;
  statistics.models = {model};
  const auto without = testing::SeriesOf(ModelFamilies(statistics));
  EXPECT_EQ(without.at("descent_model_journal_updates{model=\"prices\"}"), 7);
  EXPECT_FALSE(without.contains("descent_model_checkpoint_timestamp_seconds{model=\"prices\"}"));
  statistics.models[0].checkpoint_time = absl::FromUnixSeconds(1700000000);
  statistics.models[0].checkpoint_step = 5;
  const auto with = testing::SeriesOf(ModelFamilies(statistics));
  EXPECT_EQ(with.at("descent_model_checkpoint_timestamp_seconds{model=\"prices\"}"), 1700000000);
  EXPECT_EQ(with.at("descent_model_checkpoint_step{model=\"prices\"}"), 5);
}

}  // namespace
}  // namespace descent::metrics
