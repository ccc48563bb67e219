#include "client/cli/file_options.h"

#include <string>

namespace descent::cli {

void AddFileOptions(CLI::App* command, FileOptions* options) {
  constexpr char kGroup[] = "File";
  command
      ->add_flag_function(
          "--header,!--no-header", [options](int64_t count) { options->header = count > 0; },
          "Whether the first record names the columns (default: as in the file the model first "
          "learnt from, and it does in that one)")
      ->group(kGroup);
  command
      ->add_option_function<std::string>(
          "--delimiter",
          [options](const std::string& text) {
            if (text.size() != 1)
              throw CLI::ValidationError("--delimiter", "expected one character");
            options->delimiter = text.front();
          },
          "What stands between fields (default: as in that file, and a comma in that one)")
      ->option_text("CHAR")
      ->group(kGroup);
}

}  // namespace descent::cli
