#include "server/pages/overview.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent::pages {
namespace {

using models::ModelCondition;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

ModelRow Row(const std::string& name) {
  ModelRow row;
  row.statistics.name = name;
  row.statistics.is_there = true;
  row.statistics.step = 1234;
  row.statistics.last_loss = 0.0625;
  row.statistics.attached_sessions = 3;
  row.statistics.memory_bytes = 3 << 20;
  row.statistics.is_stored = true;
  row.statistics.checkpoint_step = 1200;
  row.statistics.checkpoint_time = absl::FromUnixSeconds(1000);
  row.rows = 45678;
  row.steps_per_second = 250;
  row.losses = {{1, 3}, {2, 1}};
  return row;
}

Overview Sample() {
  Overview overview;
  overview.identity = {.version = "1.2.3", .commit = "abc", .instruction_set = "x86-64-v3"};
  overview.now = absl::FromUnixSeconds(1065);
  overview.is_serving = true;
  overview.models = overview.selected = 1;
  overview.rows = {Row("pricing")};
  return overview;
}

std::string Html(const Overview& overview) { return OverviewPage(overview).body; }

TEST(OverviewTest, ShowsWhatThereIsToKnowOfAModel) {
  const std::string html = Html(Sample());
  EXPECT_THAT(html, AllOf(HasSubstr("<a class=\"name\" href=\"/models/pricing\">pricing</a>"),
                          HasSubstr(">ready<"), HasSubstr(">1,234<"), HasSubstr(">45.7k<"),
                          HasSubstr(">250 steps/s<"), HasSubstr(">0.0625<"), HasSubstr("<svg"),
                          HasSubstr(">3<"), HasSubstr(">1 min 5 s ago, step 1,200<"),
                          HasSubstr(">3.00 MiB<")));
  EXPECT_THAT(html, HasSubstr("1.2.3 · commit abc · x86-64-v3"));
}

TEST(OverviewTest, ComesWithNothingFromElsewhereAndAPolicyThatSaysSo) {
  const http::Answer answer = OverviewPage(Sample());
  EXPECT_EQ(answer.type, "text/html; charset=utf-8");
  ASSERT_EQ(answer.headers.size(), 1U);
  EXPECT_EQ(answer.headers[0].first, "Content-Security-Policy");
  EXPECT_THAT(answer.headers[0].second,
              AllOf(HasSubstr("default-src 'none'"), HasSubstr("style-src 'sha256-"),
                    HasSubstr("script-src 'sha256-"), HasSubstr("frame-ancestors 'none'"),
                    Not(HasSubstr("unsafe"))));
  EXPECT_THAT(answer.body, AllOf(Not(HasSubstr("http://")), Not(HasSubstr("https://")),
                                 Not(HasSubstr(" style=")), Not(HasSubstr(" onclick="))));
}

TEST(OverviewTest, WhateverTextsSayTheyAreText) {
  const std::string evil = "\"><script>alert(1)</script>'&\xff";
  Overview overview = Sample();
  overview.identity = {
      .version = evil, .commit = evil, .instruction_set = evil, .options = {{evil, evil}}};
  overview.storage = absl::UnavailableError(evil);
  overview.selection.prefix = evil;
  overview.selection.page = 2;
  overview.selected = 1000;
  overview.rows = {Row(evil)};
  const std::string html = Html(overview);
  EXPECT_THAT(html, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(html, Not(HasSubstr("\"><script")));
  EXPECT_THAT(html, Not(HasSubstr("\xff")));
  EXPECT_THAT(html, HasSubstr("&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&#39;&amp;"));
}

TEST(OverviewTest, HealthAndStorageAreToldAsTheyAre) {
  Overview overview = Sample();
  EXPECT_THAT(Html(overview), AllOf(HasSubstr(">serving<"), HasSubstr(">keeps changes<")));
  overview.is_serving = false;
  overview.storage = absl::ResourceExhaustedError("the disk is full");
  EXPECT_THAT(Html(overview), AllOf(HasSubstr(">not serving<"), HasSubstr(">failing<"),
                                    HasSubstr("the disk is full")));
  overview.storage = absl::OkStatus();
  overview.in_memory = true;
  EXPECT_THAT(Html(overview), HasSubstr(">in memory alone<"));
}

TEST(OverviewTest, ModelsThatCantBeHadAreNamedWithTheirState) {
  Overview overview = Sample();
  overview.conditions = {{ModelCondition::kServing, 1},
                         {ModelCondition::kRecovering, 7},
                         {ModelCondition::kQuarantined, 2}};
  ModelRow& row = overview.rows.front();
  row = {};
  row.statistics.name = "broken";
  row.statistics.condition = ModelCondition::kQuarantined;
  EXPECT_THAT(Html(overview),
              AllOf(HasSubstr("/models/broken"), HasSubstr(">quarantined<"),
                    HasSubstr(">recovering</span> 7"), HasSubstr(">quarantined</span> 2"),
                    Not(HasSubstr("steps/s<"))));
}

TEST(OverviewTest, PagesLeadToEachOtherAndKeepTheSelection) {
  Overview overview = Sample();
  EXPECT_THAT(Html(overview), Not(HasSubstr("<nav")));
  overview.models = 10'000;
  overview.selected = 250;
  overview.selection = {.prefix = "a&b", .order = Order::kRecent, .page = 2};
  EXPECT_THAT(Html(overview),
              AllOf(HasSubstr("page 2 of 3"), HasSubstr("250 of 10,000 models"),
                    HasSubstr("href=\"/?prefix=a%26b&amp;sort=recent\""),
                    HasSubstr("href=\"/?prefix=a%26b&amp;sort=recent&amp;page=3\"")));
  overview.selection = {.page = 1};
  EXPECT_THAT(Html(overview), AllOf(HasSubstr("page 1 of 3"), Not(HasSubstr("previous")),
                                    HasSubstr("href=\"/?page=2\"")));
  overview.selection.page = 99;  // there are not so many
  overview.rows.clear();
  EXPECT_THAT(Html(overview), AllOf(HasSubstr("No model is of this selection"),
                                    HasSubstr("href=\"/?page=3\""), Not(HasSubstr("next"))));
  overview = Sample();
  overview.models = overview.selected = 0;
  overview.rows.clear();
  EXPECT_THAT(Html(overview), HasSubstr("There are no models yet"));
}

TEST(OverviewTest, SelectionsThatMakeNoSenseAreNone) {
  const auto of = [](std::map<std::string, std::string> query) {
    return SelectionOf({.path = "/", .query = std::move(query)});
  };
  EXPECT_EQ(of({}).page, 1);
  EXPECT_EQ(of({{"page", "7"}}).page, 7);
  for (const char* page : {"", "x", "-3", "0", "1e3", "99999999999999999999"}) {
    EXPECT_EQ(of({{"page", page}}).page, 1) << page;
  }
  EXPECT_GT(of({{"page", "9223372036854775807"}}).page, 1);
  EXPECT_EQ(of({{"sort", "recent"}}).order, Order::kRecent);
  EXPECT_EQ(of({{"sort", "size"}}).order, Order::kName);
  EXPECT_EQ(of({{"prefix", "pri"}}).prefix, "pri");
}

TEST(OverviewTest, OptionsThatWereChangedAreShown) {
  Overview overview = Sample();
  EXPECT_THAT(Html(overview), HasSubstr("All options are as by default"));
  overview.identity.options = {{"--threads", "7"}, {"--listen", "0.0.0.0:1"}};
  EXPECT_THAT(Html(overview), AllOf(HasSubstr("not as by default (2)"), HasSubstr("--threads 7\n"
                                                                                  "--listen")));
}

}  // namespace
}  // namespace descent::pages
