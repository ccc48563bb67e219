#include "server/http/site.h"

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/access/digest.h"
#include "server/access/model_pattern.h"
#include "server/access/refusal.h"
#include "server/access/rules.h"
#include "server/http/probes.h"

namespace descent::http {
namespace {

using access::Refusal;

std::vector<Route> Routes() {
  std::vector<Route> routes = ProbeRoutes([] { return true; });
  routes.push_back(
      {.path = "/", .handler = [](const Request& request) {
         return Answer{.body = absl::StrCat(request.MaySee("pricing-eu"), request.MaySee("other"))};
       }});
  routes.push_back({.path = "/models/*", .handler = [](const Request& request) {
                      return Answer{.body = request.path};
                    }});
  routes.push_back({.path = "/throws", .handler = [](const Request&) -> Answer {
                      throw std::runtime_error("no page today");
                    }});
  routes.push_back(
      {.path = "/throws-anything", .handler = [](const Request&) -> Answer { throw 42; }});
  return routes;
}

Answer Get(const Site& site, const RequestHead& head) {
  std::variant<Answer, Visit> received = site.Receive(head);
  if (auto* const answer = std::get_if<Answer>(&received)) return std::move(*answer);
  return Site::Run(std::get<Visit>(received));
}

Answer Get(const Site& site, std::string_view target,
           std::vector<std::string_view> authorization = {}) {
  return Get(site, {.method = "GET", .target = target, .authorization = std::move(authorization)});
}

TEST(SiteTest, EachPathHasItsHandler) {
  const Site site(Routes(), nullptr, nullptr);
  EXPECT_EQ(Get(site, "/livez").status, 200);
  EXPECT_EQ(Get(site, "/readyz").status, 200);
  EXPECT_EQ(Get(site, "/").body, "11") << "without rules every model is seen";
  EXPECT_EQ(Get(site, "/?page=2").status, 200);
  EXPECT_EQ(Get(site, "/models/a").body, "/models/a");
  for (const char* nowhere : {"/nothing", "/livez/", "/livezz", "//", "/models", "/models/",
                              "/../livez", "/.", "/LIVEZ", "/livez%20"}) {
    EXPECT_EQ(Get(site, nowhere).status, 404) << nowhere;
  }
  EXPECT_EQ(Get(site, "nonsense").status, 400);
  EXPECT_EQ(Get(site, "/%0d%0a").status, 400);
}

TEST(SiteTest, NothingButGetAndHead) {
  const Site site(Routes(), nullptr, nullptr);
  for (const char* method :
       {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "get", "PRI", "", "X"}) {
    const Answer answer = Get(site, {.method = method, .target = "/livez"});
    EXPECT_EQ(answer.status, 405) << method;
    ASSERT_EQ(answer.headers.size(), 1);
    EXPECT_EQ(answer.headers[0].second, "GET, HEAD");
  }
  EXPECT_EQ(Get(site, {.method = "HEAD", .target = "/livez"}).status, 200);
}

TEST(SiteTest, APathMayHaveAMethodOfItsOwn) {
  std::vector<Route> routes = Routes();
  routes.push_back({.path = "/v2/models/*",
                    .method = Method::kPost,
                    .deferred = [](const Request&, const Later& later) {
                      later([] { return Answer{.body = "posted"}; });
                    }});
  const Site site(std::move(routes), nullptr, nullptr);
  const auto posted = site.Receive({.method = "POST", .target = "/v2/models/a"});
  ASSERT_TRUE(std::holds_alternative<Visit>(posted));
  EXPECT_EQ(std::get<Visit>(posted).route->method, Method::kPost);
  const Answer got = Get(site, "/v2/models/a");
  EXPECT_EQ(got.status, 405);
  EXPECT_EQ(got.headers[0].second, "POST");
  EXPECT_EQ(Get(site, {.method = "POST", .target = "/nothing"}).status, 404);
}

TEST(SiteTest, ErrorsBelowTheProtocolsRootAreJson) {
  const Answer error{.status = 404, .body = "nothing \"here\"\n"};
  for (const char* target : {"/v2", "/v2/", "/v2?a=b", "/v2/models/a"}) {
    const Answer json = ErrorFor(target, error);
    EXPECT_EQ(json.status, 404);
    EXPECT_EQ(json.type, "application/json");
    EXPECT_EQ(json.body, R"({"error":"nothing \"here\""})");
  }
  for (const char* target : {"", "/", "/v2x", "/V2", "/models/v2/"}) {
    EXPECT_EQ(ErrorFor(target, error).body, error.body) << target;
  }
  EXPECT_EQ(ErrorFor("/v2", {.status = 200, .body = "fine"}).body, "fine");
}

TEST(SiteTest, ReadinessIsWhatItIsAtTheMoment) {
  bool serving = false;
  const Site site(ProbeRoutes([&serving] { return serving; }), nullptr, nullptr);
  EXPECT_EQ(Get(site, "/livez").status, 200);
  EXPECT_EQ(Get(site, "/readyz").status, 503);
  serving = true;
  EXPECT_EQ(Get(site, "/readyz").status, 200);
}

TEST(SiteTest, AHandlerThatThrowsIsAnErrorOfTheServer) {
  const Site site(Routes(), nullptr, nullptr);
  for (const char* path : {"/throws", "/throws-anything"}) {
    const Answer answer = Get(site, path);
    EXPECT_EQ(answer.status, 500) << path;
    EXPECT_EQ(answer.body.find("today"), std::string::npos) << "what went wrong is for the log";
  }
}

class SiteAccessTest : public ::testing::Test {
 protected:
  static access::Rules MakeRules() {
    std::vector<access::Caller> callers;
    callers.push_back({.name = "admin",
                       .role = access::Role::kAdmin,
                       .credential = access::Sha256("all-of-it"),
                       .models = {}});
    callers.push_back({.name = "web",
                       .role = access::Role::kReader,
                       .credential = access::Sha256("some-of-it"),
                       .models = {{*access::ModelPattern::Parse("pricing-*")}}});
    callers.push_back({.name = "grafana",
                       .role = access::Role::kReader,
                       .credential = "spiffe://example/grafana",
                       .models = {}});
    return access::Rules(std::move(callers));
  }

  access::Access access_{MakeRules()};
  ops::RefusalLog refusals_;
  const Site site_{Routes(), &access_, &refusals_};
};

TEST_F(SiteAccessTest, ProbesAreForEverybodyAndPagesForThoseWhoAreKnown) {
  EXPECT_EQ(Get(site_, "/livez").status, 200);
  EXPECT_EQ(Get(site_, "/readyz").status, 200);
  EXPECT_EQ(Get(site_, "/livez", {"Bearer wrong"}).status, 200);
  for (const char* path : {"/", "/models/a", "/nothing", "/throws"}) {
    const Answer answer = Get(site_, path);
    EXPECT_EQ(answer.status, 401) << path << ": nobody learns which paths there are";
    ASSERT_EQ(answer.headers.size(), 2);
    EXPECT_EQ(answer.headers[0].first, "WWW-Authenticate");
    EXPECT_EQ(answer.headers[1].first, "WWW-Authenticate");
  }
  EXPECT_EQ(Get(site_, "/nothing", {"Bearer all-of-it"}).status, 404);
}

TEST_F(SiteAccessTest, TheTokenIsShownInAnyOfItsWays) {
  const auto basic = [](const std::string& user_and_password) {
    return "Basic " + absl::Base64Escape(user_and_password);
  };
  for (const std::string& header :
       {std::string("Bearer all-of-it"), std::string("bearer  all-of-it"), basic("me:all-of-it"),
        basic(":all-of-it")}) {
    EXPECT_EQ(Get(site_, "/", {header}).body, "11") << header;
  }
  for (const std::string& header :
       {std::string(), std::string("Bearer"), std::string("Bearer "), std::string("Basic"),
        std::string("Basic ***"), basic("all-of-it"), basic("all-of-it:"), basic("me:wrong"),
        basic("a:b:all-of-it"), std::string("Bearer ") + std::string(5000, 'x'),
        std::string("Digest username=\"all-of-it\""), basic(std::string("me:all\0of", 9))}) {
    const Answer answer = Get(site_, "/", {header});
    EXPECT_EQ(answer.status, 401) << header;
    EXPECT_EQ(answer.body.find("all-of-it"), std::string::npos) << header;
  }
  EXPECT_EQ(Get(site_, "/", {"Bearer all-of-it", "Bearer all-of-it"}).status, 401);
}

TEST_F(SiteAccessTest, ACertificateIsAsGoodAsAToken) {
  const auto with = [&](const std::string& name, std::vector<std::string_view> authorization = {}) {
    return Get(site_, {.method = "GET",
                       .target = "/",
                       .authorization = std::move(authorization),
                       .certificate = {{name}}})
        .status;
  };
  EXPECT_EQ(with("spiffe://example/grafana"), 200);
  EXPECT_EQ(with("spiffe://example/other"), 401);
  EXPECT_EQ(with("spiffe://example/grafana", {"Bearer wrong"}), 401)
      << "a token is looked at alone, as of calls";
}

TEST_F(SiteAccessTest, PagesShowTheModelsThatTheCallerMaySee) {
  EXPECT_EQ(Get(site_, "/", {"Bearer all-of-it"}).body, "11");
  EXPECT_EQ(Get(site_, "/", {"Bearer some-of-it"}).body, "10");
}

TEST_F(SiteAccessTest, RefusalsAreCountedByReason) {
  Get(site_, "/");
  Get(site_, "/nothing");
  Get(site_, "/", {"Bearer wrong"});
  Get(site_, "/", {"Basic ***"});
  Get(site_, "/", {"Bearer all-of-it"});
  Get(site_, "/livez");
  EXPECT_EQ(refusals_.counts().of(Refusal::kNoCredentials), 2);
  EXPECT_EQ(refusals_.counts().of(Refusal::kUnknownCredentials), 1);
  EXPECT_EQ(refusals_.counts().of(Refusal::kMalformedCredentials), 1);
}

TEST_F(SiteAccessTest, RulesThatChangeHoldFromTheNextRequestOn) {
  access_.Replace(access::Rules());
  EXPECT_EQ(Get(site_, "/", {"Bearer all-of-it"}).status, 401);
}

}  // namespace
}  // namespace descent::http
