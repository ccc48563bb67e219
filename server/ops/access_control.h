// Who may do what, as the file of --access has it now.

#ifndef SERVER_OPS_ACCESS_CONTROL_H_
#define SERVER_OPS_ACCESS_CONTROL_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/access/access.h"
#include "server/access/rules_file.h"
#include "server/ops/refusal_log.h"
#include "server/ops/ticker.h"
#include "server/services/call_hooks.h"

namespace descent::ops {

// Looks at the file as long as it lives, and logs what comes of it: new rules are in force within
// half a second, and a file that can't be read right leaves the old ones in force.
class AccessControl {
 public:
  // INVALID_ARGUMENT that names the file and what is wrong with it.
  static absl::StatusOr<std::unique_ptr<AccessControl>> Start(const std::string& path);

  // For CallHooks; they live as long as this.
  services::Admission* admission() { return &access_; }
  // For the HTTP port.
  access::Access* access() { return &access_; }
  RefusalLog* refusals() { return &refusals_; }

 private:
  AccessControl(access::RulesFile file, access::Rules rules);
  void Look();

  access::RulesFile file_;  // the ticker's
  access::Access access_;
  RefusalLog refusals_;
  Ticker ticker_;  // ends before what it looks after
};

}  // namespace descent::ops

#endif  // SERVER_OPS_ACCESS_CONTROL_H_
