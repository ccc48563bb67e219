#include "client/cli/display/loss_curve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>
#include <string>

#include "client/cli/failure.h"
#include "tests/cli/temporary_file.h"

namespace descent::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

LossCurve Example() {
  return {.title = "a < b & c",
          .subtitle = "adam",
          .loss_name = "mean squared error",
          .unit = "epoch",
          .at = {},
          .training_loss = {1.0, 0.5, 0.3},
          .test_loss = {1.1, 0.4, 0.6},
          .metric_name = "r2",
          .metric_series = "test r2",
          .metric = {0.1, 0.6, 0.5}};
}

int Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(LossCurveTest, DrawsEverySeries) {
  const std::string svg = RenderLossCurve(Example());
  EXPECT_EQ(Count(svg, "<path class=\"line\""), 6);  // three lines and their legend
  EXPECT_EQ(Count(svg, "<circle"), 9);
  EXPECT_THAT(svg, HasSubstr(">mean squared error<"));
  EXPECT_THAT(svg, HasSubstr(">test loss (lowest 0.4, epoch 2)<"));
  EXPECT_THAT(svg, HasSubstr(">test r2<"));
  EXPECT_THAT(svg, HasSubstr(">epoch<"));
}

TEST(LossCurveTest, EscapesText) {
  EXPECT_THAT(RenderLossCurve(Example()), HasSubstr(">a &lt; b &amp; c<"));
}

TEST(LossCurveTest, DoesWithoutTestRows) {
  LossCurve curve = Example();
  curve.test_loss.clear();
  curve.metric.clear();
  EXPECT_EQ(Count(RenderLossCurve(curve), "<path class=\"line\""), 2);
}

TEST(LossCurveTest, DrawsValuesWhereTheyAre) {
  LossCurve curve = Example();
  curve.unit = "step";
  curve.at = {1, 250, 1000};
  const std::string svg = RenderLossCurve(curve);
  EXPECT_THAT(svg, HasSubstr(">step<"));
  EXPECT_THAT(svg, HasSubstr(">1,000<"));
  EXPECT_THAT(svg, HasSubstr("cx=\"84.0\"")) << "the first at the left";
  EXPECT_THAT(svg, HasSubstr("cx=\"265.5\"")) << "a quarter on";
  EXPECT_THAT(svg, HasSubstr("cx=\"812.0\"")) << "the last at the right";
}

TEST(LossCurveTest, LeavesAGapWhereALossIsNotFinite) {
  LossCurve curve = Example();
  curve.training_loss[1] = NAN;
  const std::string svg = RenderLossCurve(curve);
  EXPECT_EQ(Count(svg, "<circle"), 8);
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

TEST(LossCurveTest, SaysWhenTheScaleIsLogarithmic) {
  LossCurve curve = Example();
  curve.training_loss[0] = 100;
  EXPECT_THAT(RenderLossCurve(curve), HasSubstr(">mean squared error (log scale)<"));
}

TEST(LossCurveTest, WritesAFile) {
  const TemporaryFile file("old");
  ASSERT_TRUE(WriteLossCurve(Example(), file.path()).ok());
  std::ostringstream content;
  content << std::ifstream(file.path()).rdbuf();
  EXPECT_EQ(content.str(), RenderLossCurve(Example()));
}

TEST(LossCurveTest, SaysWhenItCannot) {
  const absl::Status status = WriteLossCurve(Example(), "/nonexistent/loss.svg");
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kUsage);
}

}  // namespace
}  // namespace descent::cli
