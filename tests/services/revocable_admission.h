// An admission whose permits can be taken back.

#ifndef TESTS_SERVICES_REVOCABLE_ADMISSION_H_
#define TESTS_SERVICES_REVOCABLE_ADMISSION_H_

#include <atomic>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/services/call_hooks.h"

namespace descent::testing {

// Lets everybody in, and everything be, until Revoke. Must outlive its permits.
class RevocableAdmission final : public services::Admission {
 public:
  void Revoke() { revoked_ = true; }

  absl::StatusOr<std::unique_ptr<services::CallPermit>> Admit(
      const services::MethodName& /*name*/, const grpc::ServerContextBase& /*context*/) override {
    return std::make_unique<Permit>(revoked_);
  }

 private:
  class Permit final : public services::CallPermit {
   public:
    explicit Permit(const std::atomic<bool>& revoked) : revoked_(revoked) {}
    absl::Status CheckModel(std::string_view /*model*/) const override { return absl::OkStatus(); }
    absl::Status Renew(std::string_view /*model*/) override {
      return revoked_ ? absl::PermissionDeniedError("taken back") : absl::OkStatus();
    }

   private:
    const std::atomic<bool>& revoked_;
  };

  std::atomic<bool> revoked_ = false;
};

}  // namespace descent::testing

#endif  // TESTS_SERVICES_REVOCABLE_ADMISSION_H_
