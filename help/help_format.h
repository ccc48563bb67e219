// How the help of a program looks.

#ifndef HELP_HELP_FORMAT_H_
#define HELP_HELP_FORMAT_H_

#include <CLI/App.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <string>
#include <vector>

namespace descent::help {

// One look with every version of CLI11, whose own changed from 2.1 to 2.6 in its headings, columns,
// defaults and line breaks; scripts/manual reads it. Descriptions keep the line breaks that they
// have.
class HelpFormat : public CLI::Formatter {
 public:
  HelpFormat();

  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_group(std::string group, bool is_positional,
                         std::vector<const CLI::Option*> options) const override;
  std::string make_subcommand(const CLI::App* subcommand) const override;
  std::string make_footer(const CLI::App* app) const override;
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_option_opts(const CLI::Option* option) const override;

 private:
  // What is explained, and beside it, or below if it is long, the explanation.
  std::string Entry(const std::string& head, const std::string& description) const;
};

}  // namespace descent::help

#endif  // HELP_HELP_FORMAT_H_
