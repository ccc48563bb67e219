// checkpoint: saves a model's state, lists what is saved, goes back to it.

#include <google/protobuf/util/time_util.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/finite.h"
#include "client/cli/display/output.h"
#include "client/cli/format.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

using google::protobuf::util::TimeUtil;

// Saving and loading a large model takes its time.
const client::CallOptions kPatient = {.deadline = absl::Minutes(10)};

struct CheckpointOptions {
  std::string model;
  int64_t step = 0;
  std::optional<int64_t> expected_step;
};

absl::StatusOr<ExitCode> Create(const CheckpointOptions& options, const Context& context) {
  ASSIGN_OR_RETURN(const v1::Checkpoint checkpoint,
                   context.client.CreateCheckpoint(options.model, kPatient));
  if (context.json) {
    PrintJson(checkpoint);
  } else {
    Print(absl::StrFormat("saved %s at step %s: %s, state hash %016x\n", options.model,
                          FormatCount(checkpoint.step()), FormatBytes(checkpoint.size_bytes()),
                          checkpoint.state_hash()));
  }
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> ListCheckpoints(const CheckpointOptions& options, const Context& context) {
  ASSIGN_OR_RETURN(const std::vector<v1::Checkpoint> checkpoints,
                   context.client.ListAllCheckpoints(options.model));
  if (context.json) {
    for (const v1::Checkpoint& checkpoint : checkpoints) PrintJson(checkpoint);
    return ExitCode::kOk;
  }
  std::vector<std::vector<std::string>> rows = {{"STEP", "CREATED", "SIZE", "STATE HASH"}};
  for (const v1::Checkpoint& checkpoint : checkpoints) {
    rows.push_back({absl::StrCat(checkpoint.step()), TimeUtil::ToString(checkpoint.create_time()),
                    FormatBytes(checkpoint.size_bytes()),
                    absl::StrFormat("%016x", checkpoint.state_hash())});
  }
  PrintTable(rows, {true, false, true, false});
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> Restore(const CheckpointOptions& options, const Context& context) {
  v1::RestoreCheckpointRequest request;
  request.set_model(options.model);
  request.set_step(options.step);
  if (options.expected_step.has_value()) request.set_expected_step(*options.expected_step);
  ASSIGN_OR_RETURN(const v1::Model model,
                   context.client.RestoreCheckpoint(std::move(request), kPatient));
  RETURN_IF_ERROR(CheckFinite(model));
  if (context.json) {
    PrintJson(model);
  } else {
    Print(absl::StrFormat("%s is back at step %s, state hash %016x\n", options.model,
                          FormatCount(model.step()), model.state_hash()));
  }
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> Delete(const CheckpointOptions& options, const Context& context) {
  v1::DeleteCheckpointRequest request;
  request.set_model(options.model);
  request.set_step(options.step);
  RETURN_IF_ERROR(context.client.DeleteCheckpoint(std::move(request)));
  if (context.json) {
    PrintJson({{"model", options.model}, {"deleted", options.step}});
  } else {
    Print(absl::StrCat("deleted the checkpoint of ", options.model, " at step ",
                       FormatCount(options.step), "\n"));
  }
  return ExitCode::kOk;
}

struct Subcommand {
  CLI::App* command;
  std::shared_ptr<CheckpointOptions> options;
};

Subcommand Add(CLI::App* checkpoint, const char* name, const char* description,
               absl::StatusOr<ExitCode> (*run)(const CheckpointOptions&, const Context&),
               Command* chosen) {
  CLI::App* command = checkpoint->add_subcommand(name, description);
  auto options = std::make_shared<CheckpointOptions>();
  command->add_option("MODEL", options->model, "The model's name")->option_text(" ")->required();
  command->callback([options, run, chosen] {
    *chosen = [options, run](const Context& context) { return run(*options, context); };
  });
  return {command, options};
}

void AddStep(const Subcommand& subcommand) {
  subcommand.command
      ->add_option("STEP", subcommand.options->step, "The step that the checkpoint holds")
      ->option_text(" ")
      ->required();
}

}  // namespace

void AddCheckpointCommand(CLI::App* app, Command* chosen) {
  CLI::App* checkpoint =
      app->add_subcommand("checkpoint", "Save a model's whole state, or go back to it");
  checkpoint->require_subcommand(1);
  Add(checkpoint, "create", "Save the model as it is, until the checkpoint is deleted", Create,
      chosen);
  Add(checkpoint, "list", "List a model's checkpoints, newest first", ListCheckpoints, chosen);
  const Subcommand restore =
      Add(checkpoint, "restore",
          "Put the model back to a checkpoint: parameters, optimizer, step, training sessions",
          Restore, chosen);
  AddStep(restore);
  restore.command
      ->add_option("--expected-step", restore.options->expected_step,
                   "Change nothing unless the model is at this step")
      ->option_text("N");
  AddStep(Add(checkpoint, "delete", "Remove a checkpoint", Delete, chosen));
}

}  // namespace descent::cli
