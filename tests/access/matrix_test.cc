// Roles × every method × credentials, generated from the descriptors of the services that the
// server has: a method that nobody has thought of fails here.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"
#include "server/access/access.h"
#include "server/access/method_roles.h"
#include "server/access/role.h"
#include "tests/services/any_method.h"
#include "tests/services/service_fixture.h"

namespace descent::access {
namespace {

using descent::testing::CallMethod;
using descent::testing::CallOptions;
using descent::testing::LineModel;
using descent::testing::ReasonOf;
using descent::testing::RequestAbout;
using descent::testing::RequestOf;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAreArray;
using Metadata = std::multimap<std::string, std::string>;

constexpr Role kRoles[] = {Role::kReader, Role::kTrainer, Role::kAdmin};

Metadata Token(const std::string& token) { return {{"authorization", "Bearer " + token}}; }

// Of each role one caller for every model, whose token is the role's name, and one for the models
// "pricing-*", whose token is that and "-pricing".
Rules MakeRules() {
  std::vector<Caller> callers;
  for (const Role role : kRoles) {
    const std::string name(NameOf(role));
    callers.push_back(
        {.name = name, .role = role, .credential = Sha256("token-" + name), .models = {}});
    callers.push_back({.name = name + "-pricing",
                       .role = role,
                       .credential = Sha256("token-" + name + "-pricing"),
                       .models = {{*ModelPattern::Parse("pricing-*")}}});
  }
  return Rules(std::move(callers));
}

class MatrixTest : public descent::testing::ServiceTest {
 protected:
  MatrixTest() {
    methods_ = descent::testing::MethodsOf(server_->InProcessChannel());
    hooks_.admission = &access_;
    Restart();
  }
  ~MatrixTest() override { server_.reset(); }

  grpc::Status Call(const MethodDescriptor& method, const Message& request,
                    const Metadata& metadata) {
    return CallMethod(server_->InProcessChannel(), method, request, metadata);
  }
  // Of a call that is refused; empty for any other.
  std::string Refusal(const MethodDescriptor& method, const Message& request,
                      const Metadata& metadata) {
    const grpc::Status status = Call(method, request, metadata);
    const std::string reason = ReasonOf(status);
    const bool unauthenticated = status.error_code() == grpc::StatusCode::UNAUTHENTICATED;
    const bool denied = status.error_code() == grpc::StatusCode::PERMISSION_DENIED;
    EXPECT_EQ(unauthenticated, reason.starts_with("CREDENTIALS_")) << method.full_name();
    EXPECT_EQ(denied, reason.ends_with("_NOT_PERMITTED")) << method.full_name();
    return unauthenticated || denied ? reason : "";
  }

  static const MethodRole* RoleOf(const MethodDescriptor& method) {
    return FindMethodRole({method.service()->full_name(), method.name()});
  }

  static CallOptions As(const std::string& name) {
    return {.metadata = {{"authorization", "Bearer token-" + name}}};
  }

  Access access_{MakeRules()};
  std::vector<const MethodDescriptor*> methods_;
};

TEST_F(MatrixTest, TheTableHasEveryMethodOfTheServerAndNoOther) {
  std::vector<std::string> there_are;
  for (const MethodDescriptor* method : methods_) {
    there_are.push_back(absl::StrCat(method->service()->full_name(), "/", method->name()));
  }
  std::vector<std::string> decided;
  for (const MethodRole& role : MethodRoles()) {
    decided.push_back(
        absl::StrCat(std::string(role.name.service), "/", std::string(role.name.method)));
  }
  EXPECT_THAT(decided, UnorderedElementsAreArray(there_are))
      << "server/access/method_roles.cc decides who may call a method";
  EXPECT_GE(decided.size(), 26);
}

// What the table says, said once more: a change of it is a change of who may do what.
TEST_F(MatrixTest, TheRolesAreAsDocumented) {
  std::map<Role, std::string> methods;
  for (const MethodRole& role : MethodRoles()) {
    const std::string service(role.name.service.substr(0, role.name.service.find('.')));
    if (service == "descent")
      absl::StrAppend(&methods[role.least], std::string(role.name.method), " ");
    if (service == "grpc" || service == "inference") {
      EXPECT_EQ(role.least, Role::kReader);
    }
  }
  EXPECT_EQ(methods[Role::kReader],
            "GetModel ListModels GetParameters ListCheckpoints ListHistory ExportModel Forward "
            "Predict Evaluate ");
  EXPECT_EQ(
      methods[Role::kTrainer],
      "SetParameters CreateCheckpoint RestoreCheckpoint DeleteCheckpoint Gradient Step Train ");
  EXPECT_EQ(methods[Role::kAdmin], "CreateModel DeleteModel UpdateModel ImportModel Backup ");
}

TEST_F(MatrixTest, WithoutGoodCredentialsNothingIsAnswered) {
  const struct {
    Metadata metadata;
    const char* reason;
  } cases[] = {
      {{}, "CREDENTIALS_MISSING"},
      {{{"x-authorization", "Bearer token-admin"}}, "CREDENTIALS_MISSING"},
      {Token("wrong"), "CREDENTIALS_UNKNOWN"},
      {Token("token-admin2"), "CREDENTIALS_UNKNOWN"},
      {Token("TOKEN-ADMIN"), "CREDENTIALS_UNKNOWN"},
      {{{"authorization", ""}}, "CREDENTIALS_MALFORMED"},
      {{{"authorization", "Bearer "}}, "CREDENTIALS_MALFORMED"},
      {{{"authorization", "token-admin"}}, "CREDENTIALS_MALFORMED"},
      {{{"authorization", "Basic token-admin"}}, "CREDENTIALS_MALFORMED"},
      {Token(std::string(1025, 'a')), "CREDENTIALS_MALFORMED"},
      {{{"authorization", "Bearer token-admin"}, {"authorization", "Bearer token-admin"}},
       "CREDENTIALS_MALFORMED"},
      {{{"authorization", "Bearer wrong"}, {"authorization", "Bearer token-admin"}},
       "CREDENTIALS_MALFORMED"},
  };
  for (const MethodDescriptor* method : methods_) {
    for (const auto& [metadata, reason] : cases) {
      for (const char* model : {"there", "not-there"}) {
        auto request = RequestAbout(model, *method);
        if (request == nullptr) request = RequestOf(*method);
        EXPECT_EQ(Refusal(*method, *request, metadata), reason) << method->full_name();
      }
    }
  }
}

TEST_F(MatrixTest, EachRoleMayDoWhatTheTableSaysAndNothingElse) {
  int refused = 0;
  int let_in = 0;
  for (const MethodDescriptor* method : methods_) {
    const MethodRole* const role = RoleOf(*method);
    ASSERT_NE(role, nullptr) << method->full_name();
    for (const Role caller : kRoles) {
      for (const std::string covered : {"", "-pricing"}) {
        const std::string name = absl::StrCat(std::string(NameOf(caller)), covered);
        auto request = RequestAbout("pricing-none", *method);
        if (request == nullptr) request = RequestOf(*method);
        std::string expected;
        if (caller < role->least) {
          expected = "ROLE_NOT_PERMITTED";
        } else if (role->scope == Scope::kEveryModel && !covered.empty()) {
          expected = "MODEL_NOT_PERMITTED";
        }
        EXPECT_EQ(Refusal(*method, *request, Token("token-" + name)), expected)
            << name << " " << method->full_name();
        (expected.empty() ? let_in : refused) += 1;
      }
    }
  }
  EXPECT_GT(let_in, 60);
  EXPECT_GT(refused, 30);
}

TEST_F(MatrixTest, AModelThatIsNotCoveredIsAnsweredAlikeWhetherItExistsOrNot) {
  ASSERT_TRUE(client_->Call(LineModel("there"), As("admin")).ok());
  int about_models = 0;
  for (const MethodDescriptor* method : methods_) {
    const MethodRole* const role = RoleOf(*method);
    for (const Role caller : kRoles) {
      if (caller < role->least) continue;
      std::vector<std::string> messages;
      for (const char* model : {"there", "not-there"}) {
        const auto request = RequestAbout(model, *method);
        if (request == nullptr) continue;
        EXPECT_EQ(role->scope, Scope::kOneModel) << method->full_name();
        const Metadata metadata =
            Token(absl::StrCat("token-", std::string(NameOf(caller)), "-pricing"));
        const grpc::Status status = Call(*method, *request, metadata);
        // What this version does not do tells nothing of models.
        if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) continue;
        EXPECT_EQ(ReasonOf(status), "MODEL_NOT_PERMITTED") << method->full_name();
        messages.push_back(absl::StrReplaceAll(status.error_message(), {{"not-there", "there"}}));
        ++about_models;
      }
      if (!messages.empty()) {
        EXPECT_THAT(messages, ElementsAre(messages[0], messages[0]));
      }
    }
  }
  EXPECT_GE(about_models, 70);
}

TEST_F(MatrixTest, CallersDoWhatTheyMay) {
  const CallOptions admin = As("admin-pricing");
  ASSERT_TRUE(client_->Call(LineModel("pricing-eu"), admin).ok());
  ASSERT_TRUE(client_->Call(LineModel("salaries"), As("admin")).ok());
  const auto predict =
      descent::testing::PredictOf("pricing-eu", descent::testing::Floats({1, 2}, {1, 2}));
  const auto step = descent::testing::StepOf("pricing-eu", descent::testing::LineBatch(8, 1));
  EXPECT_TRUE(client_->Call(predict, As("reader-pricing")).ok());
  EXPECT_TRUE(client_->Call(step, As("trainer-pricing")).ok());
  EXPECT_EQ(client_->Call(step, As("reader-pricing")).status.reason, "ROLE_NOT_PERMITTED");
  EXPECT_EQ(client_->Call(predict).status.reason, "CREDENTIALS_MISSING");
  const auto names = [this](const std::string& caller, int page_size) {
    v1::ListModelsRequest request;
    request.set_page_size(page_size);
    std::vector<std::string> listed;
    do {
      const auto answer = client_->Call(request, As(caller));
      EXPECT_TRUE(answer.ok()) << answer;
      for (const v1::Model& model : answer->models()) listed.push_back(model.name());
      request.set_page_token(answer->next_page_token());
    } while (!request.page_token().empty());
    return listed;
  };
  EXPECT_THAT(names("reader", 1), ElementsAre("pricing-eu", "salaries"));
  EXPECT_THAT(names("reader-pricing", 1), ElementsAre("pricing-eu"));
  EXPECT_EQ(client_->CheckHealth("", As("reader")), "SERVING");
  EXPECT_EQ(client_->CheckHealth(""), "UNAUTHENTICATED");
}

// Nothing of what was shown comes back.
TEST_F(MatrixTest, NoRefusalRepeatsAToken) {
  for (const char* header : {"Bearer SeCrEt", "Basic SeCrEt", "Bearer SeCrEt SeCrEt", "SeCrEt"}) {
    const grpc::Status status =
        Call(*methods_[0], *RequestOf(*methods_[0]), {{"authorization", header}});
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
    EXPECT_EQ(status.error_message().find("SeCrEt"), std::string::npos);
    EXPECT_EQ(status.error_details().find("SeCrEt"), std::string::npos);
  }
}

}  // namespace
}  // namespace descent::access
