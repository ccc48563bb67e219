#include "tests/fuzz/access_rules_fuzzer.h"

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/check.h"
#include "server/access/credentials.h"
#include "server/access/model_pattern.h"
#include "server/access/parse_rules.h"

namespace descent::access {
namespace {

void CheckFile(std::string_view text) {
  const absl::StatusOr<Rules> rules = ParseRules(text, "access.toml");
  if (rules.ok()) {
    DESCENT_CHECK(rules->size() >= 1 && rules->size() <= kMostCallers);
    DESCENT_CHECK(rules->Find(Credentials()) == nullptr);
    DESCENT_CHECK(rules->Find(Sha256("nobody's")) == nullptr);
    return;
  }
  DESCENT_CHECK(rules.status().code() == absl::StatusCode::kInvalidArgument);
  const std::string message(rules.status().message());
  DESCENT_CHECK(message.starts_with("access.toml"));
  DESCENT_CHECK(message.find("dsc_") == std::string::npos);
  DESCENT_CHECK(message.size() < 1000);
}

void CheckHeader(std::string_view text) {
  const absl::StatusOr<Digest> digest = ReadAuthorization(text);
  if (digest.ok()) {
    const std::size_t token = text.rfind(' ') + 1;
    DESCENT_CHECK(text.size() - token <= kMostTokenBytes);
    DESCENT_CHECK(SameDigest(*digest, Sha256(text.substr(token))) == 1);
  } else {
    DESCENT_CHECK(digest.status().code() == absl::StatusCode::kUnauthenticated);
    DESCENT_CHECK(digest.status().message().size() < 200);
  }
}

void CheckPattern(std::string_view text) {
  const std::size_t line = text.find('\n');
  if (line == std::string_view::npos) return;
  const std::optional<ModelPattern> pattern = ModelPattern::Parse(text.substr(0, line));
  if (!pattern.has_value()) return;
  const std::string_view name = text.substr(line + 1);
  const bool is_plain = text.substr(0, line).find('*') == std::string_view::npos;
  if (is_plain) DESCENT_CHECK(pattern->Matches(name) == (name == text.substr(0, line)));
  pattern->Matches(name);
}

}  // namespace
}  // namespace descent::access

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The entry point stands outside of all namespaces.
  using namespace descent;  // NOLINT(google-build-using-namespace)
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (static_cast<AccessText>(data[0] % kAccessTexts)) {
    case AccessText::kFile:
      access::CheckFile(text);
      break;
    case AccessText::kAuthorization:
      access::CheckHeader(text);
      break;
    case AccessText::kPattern:
      access::CheckPattern(text);
      break;
  }
  return 0;
}
