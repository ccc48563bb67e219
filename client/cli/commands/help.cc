#include "client/cli/commands/help.h"

#include <CLI/Error.hpp>
#include <cstdint>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace descent::cli {
namespace {

constexpr size_t kColumn = 28;  // where descriptions begin
constexpr size_t kHelpWidth = 100;
constexpr int64_t kMaxInteger = 1000000000;

std::string Wrap(const std::string& text, size_t width) {
  std::string wrapped;
  size_t line = 0;
  for (const absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (line > 0 && line + 1 + word.size() > width) {
      wrapped += '\n';
      line = 0;
    } else if (line > 0) {
      wrapped += ' ';
      ++line;
    }
    wrapped.append(word.data(), word.size());
    line += word.size();
  }
  return wrapped;
}

}  // namespace

HelpFormatter::HelpFormatter() { column_width(kColumn); }

std::string HelpFormatter::make_option_name(const CLI::Option* option, bool is_positional) const {
  std::string name = HelpFormat::make_option_name(option, is_positional);
  const size_t brace = name.find('{');  // CLI11 marks the negative half of a flag with {false}
  return brace == std::string::npos ? name : name.substr(0, brace);
}

std::string HelpFormatter::make_option_desc(const CLI::Option* option) const {
  return Wrap(HelpFormat::make_option_desc(option), kHelpWidth - kColumn);
}

std::string HelpFormatter::make_footer(const CLI::App* app) const {
  std::string footer = HelpFormat::make_footer(app);
  if (app->get_parent() == nullptr) return footer;
  return "--server, --connect-timeout and --json may come here too: see descent --help.\n" + footer;
}

CLI::Validator PositiveInteger() {
  const auto check = [](const std::string& text) -> std::string {
    int64_t value = 0;
    if (absl::SimpleAtoi(text, &value) && value >= 1 && value <= kMaxInteger) return "";
    return absl::StrCat("expected a whole number from 1 to ", kMaxInteger, ", got \"", text, "\"");
  };
  return CLI::Validator(check, "");
}

void RequireOne(const CLI::Option* first, const CLI::Option* second) {
  if ((first->count() > 0) == (second->count() > 0)) {
    throw CLI::ValidationError("give either " + first->get_name() + " or " + second->get_name());
  }
}

}  // namespace descent::cli
