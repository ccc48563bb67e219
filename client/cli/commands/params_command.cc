// params: reads and replaces a model's parameters.

#include <cerrno>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/parameters.h"
#include "client/cli/display/output.h"
#include "client/cli/format.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

struct GetOptions {
  std::string name;
  std::vector<std::string> parameters;
  bool values = false;
};

absl::StatusOr<ExitCode> GetParameters(const GetOptions& options, const Context& context) {
  v1::GetParametersRequest request;
  request.set_model(options.name);
  *request.mutable_names() = {options.parameters.begin(), options.parameters.end()};
  ASSIGN_OR_RETURN(const v1::GetParametersResponse answer, context.client.GetParameters(request));
  if (context.json) {
    nlohmann::ordered_json json = {{"model", options.name}, {"step", answer.step()}};
    ASSIGN_OR_RETURN(json["parameters"], ParametersJson(answer.parameters(), /*with_values=*/true));
    PrintJson(json);
    return ExitCode::kOk;
  }
  Print(absl::StrCat(options.name, " at step ", FormatCount(answer.step()), "\n"));
  RETURN_IF_ERROR(PrintParameters(answer.parameters(), options.values));
  return ExitCode::kOk;
}

struct SetOptions {
  std::string name;
  std::string file;
  std::optional<int64_t> expected_step;
  bool keep_optimizer_state = false;
};

absl::StatusOr<std::string> ReadText(const std::string& path) {
  std::ifstream file;
  if (path != "-") {
    file.open(path, std::ios::binary);
    if (!file) return DataError({path}, std::generic_category().message(errno));
  }
  std::istream& stream = path == "-" ? std::cin : file;
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

absl::StatusOr<ExitCode> SetParameters(const SetOptions& options, const Context& context) {
  ASSIGN_OR_RETURN(const std::string text, ReadText(options.file));
  ASSIGN_OR_RETURN(const v1::Model model, context.client.GetModel(options.name));
  ASSIGN_OR_RETURN(const std::vector<v1::NamedTensor> parameters,
                   ParametersFromJson(options.file, text, model.network().data_type()));
  v1::SetParametersRequest request;
  request.set_model(options.name);
  *request.mutable_parameters() = {parameters.begin(), parameters.end()};
  if (options.expected_step.has_value()) request.set_expected_step(*options.expected_step);
  request.set_keep_optimizer_state(options.keep_optimizer_state);
  ASSIGN_OR_RETURN(const v1::SetParametersResponse answer,
                   context.client.SetParameters(std::move(request)));
  if (context.json) {
    PrintJson({{"model", options.name}, {"step", answer.step()}});
  } else {
    Print(absl::StrCat("set ", parameters.size(), " parameters of ", options.name, ", now at step ",
                       FormatCount(answer.step()), "\n"));
  }
  return ExitCode::kOk;
}

void AddGet(CLI::App* params, Command* chosen) {
  CLI::App* command = params->add_subcommand(
      "get", "Print parameters: norms and ranges, or with --json every value");
  auto options = std::make_shared<GetOptions>();
  command->add_option("NAME", options->name, "The model's name")->option_text(" ")->required();
  command
      ->add_option("--parameter", options->parameters,
                   "Only this one, such as layers.0.kernel; repeatable")
      ->option_text("NAME")
      ->allow_extra_args(false);
  command->add_flag("--values", options->values, "Print every value");
  command->callback([options, chosen] {
    *chosen = [options](const Context& context) { return GetParameters(*options, context); };
  });
}

void AddSet(CLI::App* params, Command* chosen) {
  CLI::App* command = params->add_subcommand("set", "Replace parameters; counts as one update");
  auto options = std::make_shared<SetOptions>();
  command->add_option("NAME", options->name, "The model's name")->option_text(" ")->required();
  command
      ->add_option("FILE", options->file,
                   "JSON as `params get --json` prints it; - is standard input")
      ->required();
  command
      ->add_option("--expected-step", options->expected_step,
                   "Change nothing unless the model is at this step")
      ->option_text("N");
  command->add_flag("--keep-optimizer-state", options->keep_optimizer_state,
                    "Keep momentum and the like (default: start them afresh)");
  command->callback([options, chosen] {
    *chosen = [options](const Context& context) { return SetParameters(*options, context); };
  });
}

}  // namespace

void AddParamsCommand(CLI::App* app, Command* chosen) {
  CLI::App* params = app->add_subcommand("params", "Read or replace a model's parameters");
  params->require_subcommand(1);
  AddGet(params, chosen);
  AddSet(params, chosen);
}

}  // namespace descent::cli
