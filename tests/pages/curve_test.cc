#include "server/pages/curve.h"

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent::pages {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::size_t CountOf(const std::string& text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

std::vector<CurvePoint> Line(std::size_t points, double from, double to) {
  std::vector<CurvePoint> line;
  for (std::size_t i = 0; i < points; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(points - 1);
    line.push_back({static_cast<double>(i), from + (to - from) * share});
  }
  return line;
}

const Axes kAxes = {.title = "Loss", .y_unit = "", .x_title = "step"};

TEST(CurveTest, NothingIsDrawnOfLessThanTwoPoints) {
  for (const auto& points : {std::vector<CurvePoint>{},
                             {{1, 2}},
                             {{1, 2}, {2, kNan}},
                             {{1, kInfinity}, {2, 3}, {kNan, 4}}}) {
    EXPECT_EQ(Sparkline(points, "loss"), "");
    EXPECT_EQ(Chart(points, kAxes), "");
  }
}

TEST(CurveTest, ASparklineGoesFromItsFirstPointToItsLast) {
  EXPECT_THAT(Sparkline({{0, 1}, {5, 0}, {10, 1}}, "a \"loss\""),
              HasSubstr("d=\"M0.0,0.0L60.0,28.0L120.0,0.0\""));
  EXPECT_THAT(Sparkline({{0, 1}, {1, 2}}, "a \"loss\""), HasSubstr("a &quot;loss&quot;"));
}

TEST(CurveTest, ASparklineIsSmallHoweverManyPointsThereAre) {
  const std::string spark = Sparkline(Line(512, 5, 1), "loss");
  EXPECT_EQ(CountOf(spark, "L"), 59U);
  EXPECT_LT(spark.size(), 1500U);
}

TEST(CurveTest, AChartHasRoundMarksThatHoldAllItsPoints) {
  const std::string chart = Chart(Line(10, 1.3, 8.9), kAxes);
  EXPECT_THAT(chart, HasSubstr("<div class=\"y\"><span>10</span><span>8</span><span>6</span>"
                               "<span>4</span><span>2</span><span>0</span></div>"));
  EXPECT_THAT(chart, HasSubstr("<div class=\"x\"><span>0</span><span>4.50</span><span>9</span>"));
  EXPECT_THAT(chart, HasSubstr("<figcaption>Loss<b>8.9</b>"));
  EXPECT_THAT(chart, Not(HasSubstr("logarithmic")));
}

TEST(CurveTest, ValuesFarApartAreLogarithmic) {
  const std::string chart = Chart({{1, 0.002}, {2, 3}}, kAxes);
  EXPECT_THAT(chart, HasSubstr("logarithmic"));
  EXPECT_THAT(chart, HasSubstr("<div class=\"y\"><span>10</span><span>1</span><span>0.1</span>"
                               "<span>0.01</span><span>0.001</span></div>"));
  EXPECT_THAT(Chart({{1, -0.002}, {2, 3}}, kAxes), Not(HasSubstr("logarithmic")));
  EXPECT_THAT(Chart({{1, 0}, {2, 3}}, kAxes), Not(HasSubstr("logarithmic")));
}

// Whatever the values are: marks are few, and every coordinate is a number inside of the picture.
TEST(CurveTest, AnyValuesMakeAPicture) {
  const double least = std::numeric_limits<double>::denorm_min();
  const double most = std::numeric_limits<double>::max();
  for (const auto& points : {std::vector<CurvePoint>{{0, 0}, {0, 0}},
                             {{1, 7}, {2, 7}},
                             {{1, -7}, {2, -7}},
                             {{1, most}, {2, -most}},
                             {{1, most}, {2, most}},
                             {{1, least}, {2, least}},
                             {{1, least}, {2, most}},
                             {{most, 1}, {-most, 2}},
                             {{1, 1e15}, {2, 1e15 + 1}},
                             {{1, 1e-300}, {2, 1.5e-300}}}) {
    for (const std::string& html : {Chart(points, kAxes), Sparkline(points, "x")}) {
      EXPECT_THAT(html, HasSubstr("<path"));
      EXPECT_THAT(html, Not(HasSubstr("nan")));
      EXPECT_THAT(html, Not(HasSubstr("inf")));
      EXPECT_LT(html.size(), 2000U);
      EXPECT_LE(CountOf(html, "<span>"), 15U) << html;
    }
  }
}

}  // namespace
}  // namespace descent::pages
