#include "help/help_format.h"

#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace descent::help {
namespace {

// A heading as CLI11 2.1 writes its own, which are in capitals from 2.6 on.
std::string Heading(std::string group) {
  if (group == "OPTIONS") return "Options";
  return group;
}

}  // namespace

HelpFormat::HelpFormat() {
  label("POSITIONALS", "Positionals");
  label("SUBCOMMANDS", "SUBCOMMAND");  // of the line of usage; one at a time
}

std::string HelpFormat::make_help(const CLI::App* app, std::string name,
                                  CLI::AppFormatMode mode) const {
  const std::string subcommands =
      absl::StrReplaceAll(make_subcommands(app, mode), {{"\nSUBCOMMANDS:\n", "\nSubcommands:\n"}});
  const std::string footer = make_footer(app);
  const std::string text = absl::StrCat(
      app->get_description(), "\n", make_usage(app, std::move(name)), make_positionals(app),
      make_groups(app, mode), subcommands, footer.empty() ? "" : "\n", footer);
  return absl::StrReplaceAll(text, {{"\n\n\n", "\n\n"}});
}

std::string HelpFormat::make_usage(const CLI::App* app, std::string name) const {
  const std::string usage = CLI::Formatter::make_usage(app, std::move(name));
  const absl::string_view line = absl::StripAsciiWhitespace(usage);
  return absl::StrCat("Usage: ", absl::StripPrefix(line, "Usage: "), "\n");
}

std::string HelpFormat::make_group(std::string group, bool is_positional,
                                   std::vector<const CLI::Option*> options) const {
  return CLI::Formatter::make_group(Heading(std::move(group)), is_positional, std::move(options));
}

std::string HelpFormat::make_subcommand(const CLI::App* subcommand) const {
  return Entry(subcommand->get_display_name(true), subcommand->get_description());
}

std::string HelpFormat::make_footer(const CLI::App* app) const {
  const std::string footer = app->get_footer();
  return footer.empty() ? "" : footer + "\n";
}

std::string HelpFormat::make_option(const CLI::Option* option, bool is_positional) const {
  return Entry(make_option_name(option, is_positional) + make_option_opts(option),
               make_option_desc(option));
}

std::string HelpFormat::make_option_opts(const CLI::Option* option) const {
  std::string text = CLI::Formatter::make_option_opts(option);
  const std::string value = option->get_default_str();
  if (!value.empty()) {
    absl::StrReplaceAll({{absl::StrCat(" [", value, "] "), "=" + value}}, &text);
  }
  return text;
}

std::string HelpFormat::Entry(const std::string& head, const std::string& description) const {
  std::string text = "  " + head;
  if (description.empty()) return text + "\n";
  const std::size_t column = get_column_width();
  const std::string indented = "\n" + std::string(column, ' ');
  if (text.size() >= column) {
    text += indented;
  } else {
    text.resize(column, ' ');
  }
  return absl::StrCat(text, absl::StrReplaceAll(description, {{"\n", indented}}), "\n");
}

}  // namespace descent::help
