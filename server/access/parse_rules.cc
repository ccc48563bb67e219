#include "server/access/parse_rules.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/status_macros.h"
#include "core/text_view.h"
#include "server/access/toml.h"

namespace descent::access {
namespace {

constexpr std::size_t kMostNameCharacters = 64;
constexpr std::size_t kMostCertificateBytes = 1024;
constexpr std::size_t kMostShownBytes = 60;
constexpr std::int64_t kMostLimit = 1 << 24;

// What came, in quotes, but no token: somebody may have put one where it does not belong.
std::string Shown(std::string_view text) {
  if (absl::StrContains(View(text), "dsc_")) return "what looks like a token";
  const std::string shown = absl::CHexEscape(View(text.substr(0, kMostShownBytes)));
  return absl::StrCat("'", shown, text.size() > kMostShownBytes ? "…'" : "'");
}

// The same for a sentence of the TOML parser's: no word of it is as long as a token.
std::string WithoutLongWords(std::string_view sentence) {
  constexpr std::size_t kLongestWord = 20;
  std::string shown;
  for (std::size_t at = 0; at < sentence.size();) {
    const auto* const begin = sentence.begin() + static_cast<std::ptrdiff_t>(at);
    const auto* const end = std::find(begin, sentence.end(), ' ');
    const auto size = static_cast<std::size_t>(end - begin);
    absl::StrAppend(&shown, shown.empty() ? "" : " ",
                    size > kLongestWord ? "…" : View(sentence.substr(at, size)));
    at += size + 1;
  }
  return shown;
}

std::string KindOf(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "text";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::integer:
    case toml::node_type::floating_point:
      return "a number";
    default:
      return "a date or time";
  }
}

// The lines of a file, with the fields of its callers.
class RulesReader {
 public:
  explicit RulesReader(std::string_view path) : path_(path) {}

  absl::StatusOr<Rules> Read(const toml::table& root) {
    for (const auto& [key, node] : root) {
      if (key.str() == "caller") continue;
      return Wrong(key.source(), "",
                   absl::StrCat("expected [[caller]] and nothing else, got ", Shown(key.str())));
    }
    const toml::node* const callers = root.get("caller");
    if (callers == nullptr) return NoCaller();
    const toml::array* const list = callers->as_array();
    if (list == nullptr) {
      return Wrong(callers->source(), "caller",
                   absl::StrCat("expected [[caller]], a list of tables, got ", KindOf(*callers)));
    }
    if (list->empty()) return NoCaller();
    if (list->size() > kMostCallers) {
      return Wrong(list->source(), "caller",
                   absl::StrCat("expected at most ", kMostCallers, ", got ", list->size()));
    }
    std::vector<Caller> read;
    for (const toml::node& node : *list) {
      field_ = absl::StrCat("caller[", read.size(), "]");
      const toml::table* const table = node.as_table();
      if (table == nullptr) {
        return Wrong(node.source(), "", absl::StrCat("expected a table, got ", KindOf(node)));
      }
      ASSIGN_OR_RETURN(Caller caller, ReadCaller(*table));
      read.push_back(std::move(caller));
    }
    return Rules(std::move(read));
  }

 private:
  absl::StatusOr<Caller> ReadCaller(const toml::table& table) {
    Caller caller;
    bool has_name = false;
    bool has_role = false;
    bool has_credential = false;
    for (const auto& [key, node] : table) {
      if (key.str() == "name") {
        ASSIGN_OR_RETURN(caller.name, ReadName(node));
        has_name = true;
      } else if (key.str() == "role") {
        ASSIGN_OR_RETURN(caller.role, ReadRole(node));
        has_role = true;
      } else if (key.str() == "models") {
        ASSIGN_OR_RETURN(caller.models, ReadModels(node));
      } else if (key.str() == "max_calls") {
        ASSIGN_OR_RETURN(caller.limits.calls, ReadLimit(node, "max_calls"));
      } else if (key.str() == "calls_per_second") {
        ASSIGN_OR_RETURN(caller.limits.per_second, ReadLimit(node, "calls_per_second"));
      } else if (key.str() == "max_mib") {
        ASSIGN_OR_RETURN(const std::int64_t mib, ReadLimit(node, "max_mib"));
        caller.limits.bytes = static_cast<std::size_t>(mib) << 20;
      } else if (key.str() == "token_sha256" || key.str() == "certificate") {
        if (has_credential) {
          return Wrong(key.source(), "",
                       "expected either token_sha256 or certificate, got both; a caller that has "
                       "both is two entries");
        }
        if (key.str() == "certificate") {
          ASSIGN_OR_RETURN(caller.credential, ReadCertificate(node));
        } else {
          ASSIGN_OR_RETURN(caller.credential, ReadToken(node));
        }
        has_credential = true;
      } else {
        return Wrong(key.source(), "",
                     absl::StrCat("expected name, token_sha256, certificate, role, models, "
                                  "max_calls, calls_per_second and max_mib, got ",
                                  Shown(key.str())));
      }
    }
    if (!has_name) return Wrong(table.source(), "", "expected a name, got none");
    if (!has_credential) {
      return Wrong(table.source(), "", "expected token_sha256 or certificate, got neither");
    }
    if (!has_role) return Wrong(table.source(), "", "expected a role, got none");
    return caller;
  }

  absl::StatusOr<std::string> ReadName(const toml::node& node) {
    ASSIGN_OR_RETURN(std::string name, ReadText(node, "name"));
    const auto is_good = [](char c) {
      return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
             absl::string_view("._-@:/").find(c) != absl::string_view::npos;
    };
    if (name.empty() || name.size() > kMostNameCharacters ||
        !std::all_of(name.begin(), name.end(), is_good)) {
      return Wrong(node.source(), "name",
                   absl::StrCat("expected 1 to ", kMostNameCharacters,
                                " letters, digits and ._-@:/, got ", Shown(name)));
    }
    return name;
  }

  absl::StatusOr<Role> ReadRole(const toml::node& node) {
    ASSIGN_OR_RETURN(const std::string name, ReadText(node, "role"));
    if (const std::optional<Role> role = RoleNamed(name)) return *role;
    return Wrong(node.source(), "role",
                 absl::StrCat("expected reader, trainer or admin, got ", Shown(name)));
  }

  absl::StatusOr<std::vector<ModelPattern>> ReadModels(const toml::node& node) {
    const toml::array* const list = node.as_array();
    if (list == nullptr) {
      return Wrong(node.source(), "models",
                   absl::StrCat("expected a list of patterns, got ", KindOf(node)));
    }
    if (list->empty() || list->size() > kMostPatterns) {
      return Wrong(node.source(), "models",
                   absl::StrCat("expected 1 to ", kMostPatterns, " patterns, got ", list->size(),
                                "; without it, every model may be used"));
    }
    std::vector<ModelPattern> patterns;
    for (const toml::node& element : *list) {
      const std::string field = absl::StrCat("models[", patterns.size(), "]");
      ASSIGN_OR_RETURN(const std::string text, ReadText(element, field));
      std::optional<ModelPattern> pattern = ModelPattern::Parse(text);
      if (!pattern.has_value()) {
        return Wrong(element.source(), field,
                     absl::StrCat("expected 1 to ", ModelPattern::kMostCharacters,
                                  " of a-z, 0-9, '.', '_', '-' and '*', got ", Shown(text)));
      }
      patterns.push_back(*std::move(pattern));
    }
    return patterns;
  }

  absl::StatusOr<std::int64_t> ReadLimit(const toml::node& node, absl::string_view field) {
    const auto* const number = node.as_integer();
    if (number != nullptr && number->get() >= 0 && number->get() <= kMostLimit) {
      return number->get();
    }
    return Wrong(
        node.source(), field,
        absl::StrCat("expected a whole number from 0, which is no limit, to ", kMostLimit, ", got ",
                     number == nullptr ? KindOf(node) : absl::StrCat(number->get())));
  }

  absl::StatusOr<Digest> ReadToken(const toml::node& node) {
    ASSIGN_OR_RETURN(const std::string text, ReadText(node, "token_sha256"));
    const std::optional<Digest> digest = DigestFromHex(text);
    if (!digest.has_value()) {
      // Not repeated: it may be the token itself.
      return Wrong(node.source(), "token_sha256",
                   absl::StrCat("expected the 64 hexadecimal digits of the token's SHA-256, as "
                                "`descent token` prints them, got ",
                                text.size(), " bytes that are no such digits"));
    }
    RETURN_IF_ERROR(CheckFirst(node, "token_sha256", text));
    return *digest;
  }

  absl::StatusOr<std::string> ReadCertificate(const toml::node& node) {
    ASSIGN_OR_RETURN(std::string name, ReadText(node, "certificate"));
    const auto is_control = [](char c) {
      return absl::ascii_iscntrl(static_cast<unsigned char>(c));
    };
    if (name.empty() || name.size() > kMostCertificateBytes ||
        std::any_of(name.begin(), name.end(), is_control)) {
      return Wrong(node.source(), "certificate",
                   absl::StrCat("expected a SAN or a subject such as 'CN=pricing', of 1 to ",
                                kMostCertificateBytes, " printable bytes, got ", Shown(name)));
    }
    RETURN_IF_ERROR(CheckFirst(node, "certificate", name));
    return name;
  }

  absl::StatusOr<std::string> ReadText(const toml::node& node, absl::string_view field) {
    if (const auto* const text = node.as_string()) return text->get();
    return Wrong(node.source(), field, absl::StrCat("expected text in quotes, got ", KindOf(node)));
  }

  // That no caller before has the same credential. Digits of a digest are the same in both cases.
  absl::Status CheckFirst(const toml::node& node, absl::string_view field,
                          const std::string& credential) {
    const std::string key = absl::StrCat(
        field, "=", field == "certificate" ? credential : absl::AsciiStrToLower(credential));
    const auto [before, is_first] = places_.emplace(key, field_);
    if (is_first) return absl::OkStatus();
    return Wrong(
        node.source(), field,
        absl::StrCat("expected one that no other caller has, got that of ", before->second));
  }

  absl::Status NoCaller() const {
    return absl::InvalidArgumentError(
        absl::StrCat(path_, ": expected at least one [[caller]], got none"));
  }

  absl::Status Wrong(const toml::source_region& place, absl::string_view field,
                     const std::string& what) const {
    std::string where = absl::StrCat(path_, ":", place.begin.line, ": ", field_);
    if (!field_.empty() && !field.empty()) absl::StrAppend(&where, ".");
    absl::StrAppend(&where, field);
    if (!field_.empty() || !field.empty()) absl::StrAppend(&where, ": ");
    return absl::InvalidArgumentError(absl::StrCat(where, what));
  }

  const std::string path_;
  std::string field_;                          // of the caller that is being read
  std::map<std::string, std::string> places_;  // by credential, the caller that has it
};

}  // namespace

absl::StatusOr<Rules> ParseRules(std::string_view text, std::string_view path) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return absl::InvalidArgumentError(absl::StrCat(View(path), ":", error.source().begin.line, ":",
                                                   error.source().begin.column, ": expected TOML; ",
                                                   WithoutLongWords(error.description())));
  }
  return RulesReader(path).Read(parsed.table());
}

}  // namespace descent::access
