#include "client/cli/commands/file_options.h"

#include <CLI/CLI.hpp>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace descent::cli {
namespace {

constexpr char kGroup[] = "File";

// One character as the shell lets it through: a tab may be \t or its name.
std::optional<char> OneCharacter(const std::string& text) {
  if (text.size() == 1) return text.front();
  if (text == "\\t" || absl::AsciiStrToLower(text) == "tab") return '\t';
  if (absl::AsciiStrToLower(text) == "space") return ' ';
  return std::nullopt;
}

void AddCharacter(CLI::App* command, const char* name, const char* description,
                  std::optional<char>* character) {
  command
      ->add_option_function<std::string>(
          name,
          [name, character](const std::string& text) {
            *character = OneCharacter(text);
            const bool unfit = character->has_value() &&
                               (absl::ascii_isalnum(static_cast<unsigned char>(**character)) ||
                                **character == '"' || **character == '\n' || **character == '\r');
            if (!character->has_value() || unfit) {
              throw CLI::ValidationError(
                  name, absl::StrCat("expected one character that is no letter, digit or double "
                                     "quote (or tab, space), got \"",
                                     text, "\""));
            }
          },
          description)
      ->option_text("CHAR")
      ->group(kGroup);
}

}  // namespace

void AddFileOptions(CLI::App* command, FileOptions* options) {
  command
      ->add_option_function<std::string>(
          "--format", [options](const std::string& name) { options->format = FormatOf(name); },
          "The file's format, whatever it is compressed by: csv (or other delimiters), jsonl (one "
          "JSON object a line), npy or npz (NumPy arrays) (default: as its first bytes tell)")
      ->option_text("FORMAT")
      ->check(CLI::IsMember(FormatNames()))
      ->group(kGroup);
  command
      ->add_flag_function(
          "--header,!--no-header", [options](int64_t count) { options->header = count > 0; },
          "Whether the first record names the columns (default: as in the file the model first "
          "learnt from, and in that one by its looks)")
      ->group(kGroup);
  AddCharacter(
      command, "--delimiter",
      "What stands between fields, tab for a tab (default: as in that file, and in that one "
      "by its looks a comma, semicolon, tab or pipe)",
      &options->delimiter);
  AddCharacter(
      command, "--decimal",
      "The decimal sign of numbers (default: as in that file, and in that one a point, or a "
      "comma if the numbers have one)",
      &options->decimal);
  AddCharacter(
      command, "--thousands",
      "What stands between thousands, such as , or space (default: as in that file, and in "
      "that one a comma or point if the numbers have some)",
      &options->thousands);
  command
      ->add_option(
          "--encoding", options->charset,
          "The file's charset, such as windows-1252 (default: UTF-8, or UTF-16 where it is "
          "plain to see)")
      ->option_text("NAME")
      ->group(kGroup);
  command
      ->add_option("--missing", options->missing,
                   "A word that stands for a missing cell, beside the empty one and the usual NA, "
                   "N/A, NaN, null, None, ? and the like; repeatable")
      ->option_text("WORD")
      ->allow_extra_args(false)
      ->group(kGroup);
  command
      ->add_option("--not-missing", options->not_missing,
                   "One of the usual words that is a value in this file, such as NA for Namibia; "
                   "repeatable")
      ->option_text("WORD")
      ->allow_extra_args(false)
      ->group(kGroup);
}

}  // namespace descent::cli
