#include "server/pages/model_page.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent::pages {
namespace {

using models::ModelCondition;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

ModelDetails Sample() {
  ModelDetails model;
  model.now = absl::FromUnixSeconds(2000);
  model.row.statistics.name = "pricing";
  model.row.statistics.is_there = true;
  model.row.statistics.step = 7;
  model.row.statistics.update_time = absl::FromUnixSeconds(1990);
  model.info.emplace();
  model.info->settings.name = "pricing";
  model.info->settings.network = {.input_features = 3, .layers = {DenseSpec{.units = 1}}};
  model.info->settings.optimizer = {.learning_rate = 0.01, .algorithm = AdamOptions{}};
  model.info->parameter_count = 4;
  for (const std::int64_t step : {1, 2}) {
    const auto number = static_cast<double>(step);
    model.history.push_back({.step = step,
                             .updates = 1,
                             .rows = 4,
                             .loss = 3 - number,
                             .gradient_norm = 4 - number,
                             .learning_rate = 0.1,
                             .measured_rows = 4,
                             .measures = {1 / (number * number), 1}});
  }
  model.checkpoints = {{.step = 5,
                        .create_time = absl::FromUnixSeconds(1940),
                        .size_bytes = 2048,
                        .state_hash = 0xabcdef}};
  return model;
}

std::string Html(const ModelDetails& model) { return ModelPage(model).body; }

TEST(ModelPageTest, TellsWhatItIsAndHowItGoes) {
  EXPECT_THAT(Html(Sample()),
              AllOf(HasSubstr("<h1>pricing</h1>"), HasSubstr("3 inputs → dense 1"),
                    HasSubstr("adam, learning rate 0.01"), HasSubstr("mean_squared_error"),
                    HasSubstr("10 s ago"), HasSubstr("<figcaption>Loss"),
                    HasSubstr("<figcaption>RMSE<b>0.5<"), HasSubstr("<figcaption>Gradient norm"),
                    HasSubstr("<figcaption>Learning rate"), HasSubstr(">2.00 KiB<"),
                    HasSubstr(">1 min<"), HasSubstr(">0000000000abcdef<")));
}

TEST(ModelPageTest, AccuracyIsDrawnOfClassesAndNothingWhereNothingWasMeasured) {
  ModelDetails model = Sample();
  model.info->settings.network.loss = SoftmaxCrossEntropyLoss{};
  EXPECT_THAT(Html(model), HasSubstr("<figcaption>Accuracy<b>0.25<"));
  for (models::HistoryPoint& point : model.history) point.measured_rows = 0;
  EXPECT_THAT(Html(model), AllOf(Not(HasSubstr("Accuracy")), HasSubstr("<figcaption>Loss")));
}

TEST(ModelPageTest, CheckpointsThatCouldNotBeAskedForAreNotDenied) {
  ModelDetails model = Sample();
  model.checkpoints.reset();
  EXPECT_THAT(Html(model), HasSubstr("too busy to tell its checkpoints"));
  model.checkpoints.emplace();
  EXPECT_THAT(Html(model), HasSubstr("There are none"));
  model.more_checkpoints = true;
  model.checkpoints = Sample().checkpoints;
  EXPECT_THAT(Html(model), HasSubstr("There are older ones"));
}

TEST(ModelPageTest, WhateverTextsSayTheyAreText) {
  const std::string evil = "</pre></dd><script>alert(1)</script>\"'&\xc3";
  ModelDetails model = Sample();
  model.info->settings.labels = {{evil, evil}, {"long", evil + std::string(500, 'x')}};
  EXPECT_THAT(Html(model), AllOf(Not(HasSubstr("<script>alert")), Not(HasSubstr("\xc3&")),
                                 HasSubstr("&lt;/pre&gt;&lt;/dd&gt;&lt;script&gt;")));
  model.info.reset();
  model.row.statistics.condition = ModelCondition::kQuarantined;
  model.status = absl::DataLossError(evil);
  EXPECT_THAT(Html(model), AllOf(Not(HasSubstr("<script>alert")), HasSubstr(">quarantined<"),
                                 HasSubstr("&lt;script&gt;alert(1)")));
}

TEST(ModelPageTest, AModelThatWasNeverTrainedHasAPage) {
  ModelDetails model = Sample();
  model.history.clear();
  model.row.statistics.step = 0;
  EXPECT_THAT(Html(model),
              AllOf(HasSubstr("from the second update on"), Not(HasSubstr("<figure"))));
}

}  // namespace
}  // namespace descent::pages
