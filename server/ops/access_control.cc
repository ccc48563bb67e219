#include "server/ops/access_control.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "core/status_macros.h"
#include "server/ops/log.h"

namespace descent::ops {
namespace {

// A change is taken at the second look that finds it.
constexpr absl::Duration kLookInterval = absl::Milliseconds(250);

void LogRules(std::string_view message, const std::string& path, std::size_t callers) {
  Log(LogLevel::kInfo, message,
      {{"file", std::string_view(path)}, {"callers", static_cast<std::int64_t>(callers)}});
}

}  // namespace

absl::StatusOr<std::unique_ptr<AccessControl>> AccessControl::Start(const std::string& path) {
  access::RulesFile file(path);
  ASSIGN_OR_RETURN(access::Rules rules, file.Read());
  LogRules("callers are asked who they are", path, rules.size());
  return std::unique_ptr<AccessControl>(new AccessControl(std::move(file), std::move(rules)));
}

AccessControl::AccessControl(access::RulesFile file, access::Rules rules)
    : file_(std::move(file)),
      access_(std::move(rules)),
      ticker_("access", kLookInterval, [this] { Look(); }) {}

void AccessControl::Look() {
  std::optional<absl::StatusOr<access::Rules>> rules = file_.Look();
  if (!rules.has_value()) return;
  if (!rules->ok()) {
    const std::string error(rules->status().message());
    Log(LogLevel::kError, "the access file can't be read right; its last rules stay in force",
        {{"error", std::string_view(error)}});
    return;
  }
  const std::size_t callers = (*rules)->size();
  access_.Replace(**std::move(rules));
  LogRules("the access file was read again", file_.path(), callers);
}

}  // namespace descent::ops
