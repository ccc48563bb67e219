#include "server/access/access.h"

#include <grpcpp/server_context.h>

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/status_macros.h"
#include "core/text_view.h"
#include "server/access/credentials.h"
#include "server/access/method_roles.h"
#include "server/access/refusal.h"

namespace descent::access {
namespace {

// Whether a caller may make calls of a method at all.
absl::Status CheckMethod(const Caller& caller, const services::MethodName& name) {
  const MethodRole* const method = FindMethodRole(name);
  if (method == nullptr || caller.role < method->least) {
    const std::string_view least = method == nullptr ? "none there is" : NameOf(method->least);
    return Refuse(Refusal::kRole,
                  absl::StrCat(View(name.method), " takes the role ", View(least), ", and ",
                               caller.name, " has the role ", View(NameOf(caller.role))),
                  {{"method", std::string(name.method)},
                   {"caller", caller.name},
                   {"role", std::string(NameOf(caller.role))},
                   {"required_role", std::string(least)}});
  }
  if (method->scope == Scope::kEveryModel && !caller.may_use_every_model()) {
    return Refuse(Refusal::kModel,
                  absl::StrCat(View(name.method), " is about every model, and ", caller.name,
                               " may use some of them"),
                  {{"caller", caller.name}});
  }
  return absl::OkStatus();
}

absl::Status CheckModelOf(const Caller& caller, std::string_view model) {
  if (caller.MayUse(model)) return absl::OkStatus();
  return Refuse(Refusal::kModel,
                absl::StrCat(caller.name, " may not use a model named '", View(model), "'"),
                {{"caller", caller.name}, {"model", std::string(model)}});
}

absl::Status Unknown(const Credentials& credentials) {
  if (std::holds_alternative<std::monostate>(credentials)) {
    return Refuse(Refusal::kNoCredentials,
                  "expected a token as `authorization: Bearer TOKEN`, or a client's certificate, "
                  "got neither");
  }
  return Refuse(
      Refusal::kUnknownCredentials,
      absl::StrCat("the ", std::holds_alternative<Digest>(credentials) ? "token" : "certificate",
                   " is nobody's who may make calls"));
}

}  // namespace

// What a call was let in by. Holds on to its rules, and so to the caller.
class Access::Permit final : public services::CallPermit {
 public:
  Permit(const Access* access, Numbered rules, const Caller* caller,
         const services::MethodName& method)
      : access_(*access), rules_(std::move(rules)), caller_(caller), method_(method) {}

  std::string_view caller() const override { return caller_->name; }

  const services::LimitOverrides* limits() const override { return &caller_->limits; }

  absl::Status CheckModel(std::string_view model) const override {
    return CheckModelOf(*caller_, model);
  }
  bool MaySee(std::string_view model) const override { return caller_->MayUse(model); }

  absl::Status Renew(std::string_view model) override {
    if (access_.number_.load(std::memory_order_acquire) == rules_.number) return absl::OkStatus();
    Numbered rules = access_.Current();
    const Caller* const caller = rules.rules->FindAgain(*caller_);
    if (caller == nullptr) {
      return Refuse(Refusal::kUnknownCredentials,
                    absl::StrCat(caller_->name, " may make calls no longer"));
    }
    RETURN_IF_ERROR(CheckMethod(*caller, method_));
    if (!model.empty()) RETURN_IF_ERROR(CheckModelOf(*caller, model));
    caller_ = caller;
    rules_ = std::move(rules);
    return absl::OkStatus();
  }

 private:
  const Access& access_;
  Numbered rules_;
  const Caller* caller_;  // of the rules
  const services::MethodName method_;
};

Access::Access(Rules rules)
    : current_{std::make_shared<const Rules>(std::move(rules)), /*number=*/0} {}

Access::Numbered Access::Current() const {
  const absl::MutexLock lock(&mutex_);
  return current_;
}

void Access::Replace(Rules rules) {
  auto shared = std::make_shared<const Rules>(std::move(rules));
  const absl::MutexLock lock(&mutex_);
  current_.rules.swap(shared);
  number_.store(++current_.number, std::memory_order_release);
}

absl::StatusOr<std::unique_ptr<services::CallPermit>> Access::Admit(
    const services::MethodName& name, const grpc::ServerContextBase& context) {
  return AdmitCaller(name, CredentialsOf(context));
}

absl::StatusOr<std::unique_ptr<services::CallPermit>> Access::AdmitCaller(
    const services::MethodName& name, const absl::StatusOr<Credentials>& credentials) {
  RETURN_IF_ERROR(credentials.status());
  Numbered rules = Current();
  const Caller* const caller = rules.rules->Find(*credentials);
  if (caller == nullptr) return Unknown(*credentials);
  RETURN_IF_ERROR(CheckMethod(*caller, name));
  return std::make_unique<Permit>(this, std::move(rules), caller, name);
}

absl::StatusOr<std::unique_ptr<services::CallPermit>> Access::AdmitToPages(
    const absl::StatusOr<Credentials>& credentials) {
  RETURN_IF_ERROR(credentials.status());
  Numbered rules = Current();
  const Caller* const caller = rules.rules->Find(*credentials);
  if (caller == nullptr) return Unknown(*credentials);
  return std::make_unique<Permit>(this, std::move(rules), caller, services::MethodName{});
}

}  // namespace descent::access
