#include "server/access/rules.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "gtest/gtest.h"

namespace descent::access {
namespace {

Caller WithToken(const std::string& name, const std::string& token) {
  return {.name = name, .role = Role::kReader, .credential = Sha256(token), .models = {}};
}
Caller WithCertificate(const std::string& name, const std::string& certificate) {
  return {.name = name, .role = Role::kReader, .credential = certificate, .models = {}};
}

ModelPattern Pattern(const char* text) {
  const std::optional<ModelPattern> pattern = ModelPattern::Parse(text);
  DESCENT_CHECK(pattern.has_value());
  return *pattern;
}

Rules Make(std::vector<Caller> callers) { return Rules(std::move(callers)); }

std::string NameOf(const Caller* caller) { return caller == nullptr ? "nobody" : caller->name; }

TEST(RulesTest, FindsEachTokenAmongAll) {
  std::vector<Caller> callers;
  for (int i = 0; i < 100; ++i) {
    callers.push_back(i % 3 == 0 ? WithCertificate(absl::StrCat("c", i), absl::StrCat("x", i))
                                 : WithToken(absl::StrCat("t", i), absl::StrCat("token", i)));
  }
  const Rules rules(std::move(callers));
  for (int i = 0; i < 100; ++i) {
    const Caller* caller = rules.Find(Sha256(absl::StrCat("token", i)));
    EXPECT_EQ(NameOf(caller), i % 3 == 0 ? "nobody" : absl::StrCat("t", i));
  }
  EXPECT_EQ(rules.Find(Credentials()), nullptr);
  EXPECT_EQ(rules.Find(Digest{}), nullptr);
  EXPECT_EQ(Rules().Find(Sha256("token1")), nullptr);
}

TEST(RulesTest, FindsACertificateByAnyOfItsNames) {
  const Rules rules = Make({WithCertificate("by-subject", "CN=pricing"),
                            WithCertificate("by-uri", "spiffe://example/pricing")});
  const auto find = [&rules](std::vector<std::string> names) {
    return NameOf(rules.Find(CertificateNames{std::move(names)}));
  };
  EXPECT_EQ(find({"a.example", "spiffe://example/pricing"}), "by-uri");
  EXPECT_EQ(find({"CN=pricing,O=Example", "CN=pricing"}), "by-subject");
  EXPECT_EQ(find({"spiffe://example/pricing", "CN=pricing"}), "by-subject") << "the file's first";
  EXPECT_EQ(find({"spiffe://example/pricing/x", "cn=pricing", "pricing", ""}), "nobody");
  EXPECT_EQ(find({}), "nobody");
}

TEST(RulesTest, ATokenIsNoCertificate) {
  const Rules rules = Make({WithCertificate("c", "token")});
  EXPECT_EQ(rules.Find(Sha256("token")), nullptr);
}

TEST(RulesTest, FindsTheSameCallerInOtherRulesByItsCredential) {
  const Rules before = Make({WithToken("a", "1"), WithCertificate("b", "x"), WithToken("c", "2")});
  const Rules after = Make({WithCertificate("renamed", "x"), WithToken("c", "2")});
  EXPECT_EQ(NameOf(after.FindAgain(*before.Find(CertificateNames{{"x"}}))), "renamed");
  EXPECT_EQ(NameOf(after.FindAgain(*before.Find(Sha256("2")))), "c");
  EXPECT_EQ(NameOf(after.FindAgain(*before.Find(Sha256("1")))), "nobody");
}

TEST(RulesTest, WithoutPatternsEveryModelMayBeUsed) {
  Caller caller = WithToken("a", "1");
  EXPECT_TRUE(caller.may_use_every_model());
  EXPECT_TRUE(caller.MayUse("any"));
  caller.models = {Pattern("pricing-*"), Pattern("rates")};
  EXPECT_FALSE(caller.may_use_every_model());
  EXPECT_TRUE(caller.MayUse("rates"));
  EXPECT_TRUE(caller.MayUse("pricing-eu"));
  EXPECT_FALSE(caller.MayUse("salaries"));
}

}  // namespace
}  // namespace descent::access
