// How --help looks.

#ifndef CLIENT_CLI_HELP_H_
#define CLIENT_CLI_HELP_H_

#include <CLI/App.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <string>

namespace descent::cli {

// CLI11's format with descriptions broken into lines.
class HelpFormatter final : public CLI::Formatter {
 public:
  HelpFormatter();

  std::string make_option_name(const CLI::Option* option, bool is_positional) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
};

// A usage error of the parser's kind unless exactly one of two options was given; for callbacks.
void RequireOne(const CLI::Option* first, const CLI::Option* second);

}  // namespace descent::cli

#endif  // CLIENT_CLI_HELP_H_
