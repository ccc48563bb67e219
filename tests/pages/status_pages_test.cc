#include "server/pages/status_pages.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/access/access.h"
#include "server/access/digest.h"
#include "server/access/model_pattern.h"
#include "server/http/site.h"
#include "server/ops/refusal_log.h"
#include "tests/models/sample_models.h"

namespace descent::pages {
namespace {

using models::HistoryPoint;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class StatusPagesTest : public ::testing::Test {
 protected:
  static access::Rules SomeMayBeSeen() {
    std::vector<access::Caller> callers;
    callers.push_back({.name = "web",
                       .role = access::Role::kReader,
                       .credential = access::Sha256("token"),
                       .models = {{*access::ModelPattern::Parse("seen-*")}}});
    return access::Rules(std::move(callers));
  }

  std::vector<http::Route> Routes() {
    return StatusRoutes({.registry = &registry_,
                         .is_serving = [this] { return serving_; },
                         .in_memory = true,
                         .identity = {.version = "1", .commit = "c", .instruction_set = "i"}});
  }

  http::Answer Get(std::string_view target) {
    return Ask(http::Site(Routes(), nullptr, nullptr), {.method = "GET", .target = target});
  }
  http::Answer GetAsWeb(std::string_view target) {
    return Ask(http::Site(Routes(), &access_, &refusals_),
               {.method = "GET", .target = target, .authorization = {"Bearer token"}});
  }
  static http::Answer Ask(const http::Site& site, const http::RequestHead& head) {
    std::variant<http::Answer, http::Visit> received = site.Receive(head);
    if (auto* const answer = std::get_if<http::Answer>(&received)) return std::move(*answer);
    return http::Site::Run(std::get<http::Visit>(received));
  }

  void Train(const std::shared_ptr<models::Model>& model, int steps) {
    for (int i = 0; i < steps; ++i) {
      ASSERT_TRUE(
          models::Step(*model, models::StepOn(*model->network(), static_cast<std::uint64_t>(i)))
              .ok());
    }
  }

  models::Registry registry_{models::ModelsOptions{}};
  bool serving_ = true;
  access::Access access_{SomeMayBeSeen()};
  ops::RefusalLog refusals_;
};

TEST_F(StatusPagesTest, ShowsTheModelsThatThereAre) {
  EXPECT_THAT(Get("/").body, AllOf(HasSubstr("There are no models yet"), HasSubstr(">serving<"),
                                   HasSubstr(">in memory alone<")));
  const auto model = models::CreateModel(&registry_, "pricing");
  models::CreateModel(&registry_, "fraud");
  Train(model, 5);
  const std::string html = Get("/").body;
  EXPECT_THAT(html, AllOf(HasSubstr("/models/pricing"), HasSubstr("/models/fraud"),
                          HasSubstr("data-label=\"step\">5<"), HasSubstr("data-label=\"rows\">20<"),
                          HasSubstr("<svg class=\"spark\"")));
  EXPECT_LT(html.find("/models/fraud"), html.find("/models/pricing"));
  serving_ = false;
  EXPECT_THAT(Get("/").body, HasSubstr(">not serving<"));
}

TEST_F(StatusPagesTest, AModelHasAPageWithItsCurves) {
  Train(models::CreateModel(&registry_, "pricing"), 5);
  const http::Answer answer = Get("/models/pricing");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_THAT(answer.body,
              AllOf(HasSubstr("<figcaption>Loss"), HasSubstr("5 inputs → dense 8"),
                    HasSubstr("adam, learning rate 0.01"), HasSubstr("<h2>Checkpoints</h2>")));
}

TEST_F(StatusPagesTest, ModelsAreShownAPageAtATimeByPrefixAndOrder) {
  for (int i = 0; i < 130; ++i) models::CreateModel(&registry_, absl::StrCat("a", 1000 + i));
  Train(models::CreateModel(&registry_, "b"), 1);
  EXPECT_THAT(Get("/").body, AllOf(HasSubstr("/models/a1000\""), HasSubstr("/models/a1099\""),
                                   Not(HasSubstr("/models/a1100\"")), HasSubstr("page 1 of 2")));
  EXPECT_THAT(Get("/?page=2").body,
              AllOf(Not(HasSubstr("/models/a1099\"")), HasSubstr("/models/a1100\""),
                    HasSubstr("/models/b\""), HasSubstr("page 2 of 2")));
  EXPECT_THAT(Get("/?page=99999999999").body, HasSubstr("No model is of this selection"));
  EXPECT_THAT(Get("/?prefix=a10").body,
              AllOf(HasSubstr("100 of 131 models"), Not(HasSubstr("/models/b\""))));
  EXPECT_THAT(Get("/?prefix=%3Cscript%3E").body,
              AllOf(HasSubstr("No model is of this selection"), HasSubstr("&lt;script&gt;")));
  const std::string recent = Get("/?sort=recent").body;
  EXPECT_LT(recent.find("/models/b\""), recent.find("/models/a")) << "it was changed last";
}

TEST_F(StatusPagesTest, CallersSeeTheModelsThatTheyMay) {
  Train(models::CreateModel(&registry_, "seen-1"), 3);
  Train(models::CreateModel(&registry_, "secret-1"), 7);
  const std::string html = GetAsWeb("/").body;
  EXPECT_THAT(html, AllOf(HasSubstr("/models/seen-1"), Not(HasSubstr("secret"))));
  EXPECT_THAT(html, HasSubstr("<dt>models</dt><dd>1</dd>"));
  EXPECT_THAT(html, HasSubstr("rows trained since the start</dt><dd>12</dd>"));
  EXPECT_EQ(GetAsWeb("/models/seen-1").status, 200U);

  const http::Answer hidden = GetAsWeb("/models/secret-1");
  const http::Answer nothing = GetAsWeb("/models/secret-2");
  const http::Answer none = GetAsWeb("/models/seen-2");
  for (const http::Answer* const answer : {&hidden, &nothing, &none}) {
    EXPECT_EQ(answer->status, 404U);
    EXPECT_EQ(answer->body, none.body);
    EXPECT_EQ(answer->headers, none.headers);
    EXPECT_EQ(answer->type, none.type);
  }
}

TEST_F(StatusPagesTest, NamesThatAreNoneAreNotFound) {
  for (const char* target : {"/models/x", "/models/%3Cb%3E", "/models/..", "/models/a/b",
                             "/models/%2e%2e%2fetc", "/models//"}) {
    EXPECT_EQ(Get(target).status, 404U) << target;
  }
}

TEST_F(StatusPagesTest, AModelThatIsBusyHoldsUpNoPage) {
  const auto model = models::CreateModel(&registry_, "busy");
  Train(model, 2);
  models::Blocker blocker;
  model->Step(models::StepOn(*model->network(), 9, /*rows=*/20'000), {},
              blocker.reply<models::StepOutcome>());
  blocker.AwaitEntered();  // and holds the model's lane
  EXPECT_THAT(Get("/").body, HasSubstr("/models/busy"));
  EXPECT_THAT(Get("/models/busy").body, HasSubstr("<figcaption>Loss"));
  blocker.Release();
}

TEST_F(StatusPagesTest, AHistoryIsShownUpToThePublishedStep) {
  const auto model = models::CreateModel(&registry_, "m");
  EXPECT_TRUE(model->PublishedHistory().empty());
  Train(model, 3);
  const std::vector<HistoryPoint> history = model->PublishedHistory();
  ASSERT_EQ(history.size(), 3U);
  EXPECT_EQ(history.back().step, 3);
  EXPECT_EQ(history.back().rows, 4);
}

HistoryPoint At(double seconds, std::int64_t updates) {
  return {.step = 1,
          .time = absl::UnixEpoch() + absl::Seconds(seconds),
          .updates = updates,
          .rows = 10 * updates};
}

TEST(RatesTest, AreOfTheLastSeconds) {
  const auto of = [](const std::vector<HistoryPoint>& history, double now) {
    return RatesOf(history, absl::UnixEpoch() + absl::Seconds(now));
  };
  EXPECT_EQ(of({}, 1).steps_per_second, 0);
  EXPECT_EQ(of({At(1, 5)}, 1).steps_per_second, 0) << "since when is not known";
  EXPECT_DOUBLE_EQ(of({At(1, 5), At(3, 8)}, 4).steps_per_second, 4);
  EXPECT_DOUBLE_EQ(of({At(1, 5), At(3, 8)}, 4).rows_per_second, 40);
  EXPECT_EQ(of({At(1, 5), At(3, 8)}, 14).steps_per_second, 0) << "it is over";
  EXPECT_DOUBLE_EQ(of({At(1, 5), At(1.001, 8)}, 2).steps_per_second, 8)
      << "a moment is not taken for a second's rate";
  // Points of a tenth of a second are taken together; those of minutes are taken as they are.
  std::vector<HistoryPoint> fast;
  for (int i = 0; i <= 200; ++i) fast.push_back(At(0.1 * i, i < 100 ? 1 : 2));
  EXPECT_NEAR(of(fast, 20).steps_per_second, 20, 0.5);
  EXPECT_DOUBLE_EQ(of({At(0, 1), At(100, 500)}, 101).steps_per_second, 5);
}

}  // namespace
}  // namespace descent::pages
