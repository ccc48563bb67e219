// How --help looks.

#ifndef CLIENT_CLI_COMMANDS_HELP_H_
#define CLIENT_CLI_COMMANDS_HELP_H_

#include <CLI/App.hpp>
#include <CLI/Option.hpp>
#include <CLI/Validators.hpp>
#include <string>

#include "help/help_format.h"

namespace descent::cli {

// Descriptions are broken into lines. Subcommands point to the options of all.
class HelpFormatter final : public help::HelpFormat {
 public:
  HelpFormatter();

  std::string make_option_name(const CLI::Option* option, bool is_positional) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_footer(const CLI::App* app) const override;
};

// Checks that an option is a whole number, at least 1 and at most 1,000,000,000. CLI11's own checks
// name bounds of hundreds of digits and take what is beyond 64 bits for the largest number.
CLI::Validator PositiveInteger();

// A usage error of the parser's kind unless exactly one of two options was given; for callbacks.
void RequireOne(const CLI::Option* first, const CLI::Option* second);

}  // namespace descent::cli

#endif  // CLIENT_CLI_COMMANDS_HELP_H_
