// The help of programs is the same to the letter, whichever CLI11 they are built with.

#include "help/help_format.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace descent::help {
namespace {

struct Program {
  Program() : app("Does what it is told,\nand explains it.", "program") {
    app.formatter(std::make_shared<HelpFormat>());
    app.footer("\nWhat comes last.");
    app.add_option("--listen", listen, "Where, in several\nplaces")
        ->type_name("HOST:PORT")
        ->envname("PROGRAM_LISTEN")
        ->capture_default_str();
    app.add_option("--threads", threads, "How many")->type_name("N")->capture_default_str();
    app.add_flag("-q,--quiet", quiet, "Say nothing");
    app.add_option("--file", file)->type_name("FILE")->required();
    app.add_option("--level", file, "Of the log")->type_name("text|json")->group("Log");
    app.set_version_flag("--version", "1");
    CLI::App* const below = app.add_subcommand("train", "Trains a model\nof that name");
    below->add_option("name", file, "The model's name")->type_name("")->required();
    below->add_option("--a-name-that-leaves-no-room", file, "It is explained below");
    below->footer("And this.");
  }

  std::string HelpOf(const std::vector<std::string>& arguments) {
    try {
      app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    } catch (const CLI::CallForHelp&) {
      return app.help();
    } catch (const CLI::ParseError& error) {
      return error.what();
    }
    return "it ran";
  }

  std::vector<std::string> listen = {"a:1"};
  int threads = 2;
  bool quiet = false;
  std::string file;
  CLI::App app;
};

TEST(HelpFormatTest, OfAProgram) {
  EXPECT_EQ(Program().HelpOf({"--help"}), R"(Does what it is told,
and explains it.
Usage: program [OPTIONS] [SUBCOMMAND]

Options:
  -h,--help                   Print this help message and exit
  --listen HOST:PORT=[a:1] ... (Env:PROGRAM_LISTEN)
                              Where, in several
                              places
  --threads N=2               How many
  -q,--quiet                  Say nothing
  --file FILE REQUIRED
  --version                   Display program version information and exit

Log:
  --level text|json           Of the log

Subcommands:
  train                       Trains a model
                              of that name

What comes last.
)");
}

TEST(HelpFormatTest, OfASubcommand) {
  EXPECT_EQ(Program().HelpOf({"--file", "f", "train", "--help"}), R"(Trains a model
of that name
Usage: program train [OPTIONS] name

Positionals:
  name REQUIRED               The model's name

Options:
  -h,--help                   Print this help message and exit
  --a-name-that-leaves-no-room TEXT
                              It is explained below

And this.
)");
}

}  // namespace
}  // namespace descent::help
