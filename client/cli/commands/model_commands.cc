// create, list, get, delete: the life of models.

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/finite.h"
#include "client/cli/commands/model_options.h"
#include "client/cli/display/output.h"
#include "client/cli/encoding/embedding.h"
#include "client/cli/encoding/encoding_json.h"
#include "client/cli/encoding/model_data.h"
#include "client/cli/format.h"
#include "client/cli/layers.h"
#include "client/cli/specs.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

using google::protobuf::util::TimeUtil;

// "relu, relu, identity" said shortly: "relu".
std::string HiddenActivations(const v1::NetworkSpec& network) {
  std::string names;
  const std::vector<const v1::DenseLayer*> dense = DenseLayers(network);
  for (size_t i = 0; i + 1 < dense.size(); ++i) {
    const std::string name = NameOf(dense[i]->activation().kind());
    if (!absl::EndsWith(names, name)) absl::StrAppend(&names, names.empty() ? "" : ", ", name);
  }
  return names.empty() ? "linear" : names;
}

// ", layer norm, dropout 0.1, residual, normalised inputs": what there is beside dense layers.
std::string OtherLayers(const v1::NetworkSpec& network) {
  std::vector<std::string> kinds;
  const auto add = [&](std::string kind) {
    if (std::ranges::find(kinds, kind) == kinds.end()) kinds.push_back(std::move(kind));
  };
  for (const v1::Layer* layer : LayersInOrder(network)) {
    if (layer->has_layer_norm()) add("layer norm");
    if (layer->has_dropout()) add(absl::StrFormat("dropout %g", layer->dropout().rate()));
    if (layer->has_residual()) add("residual");
  }
  if (network.has_input_normalization()) add("normalised inputs");
  std::string text;
  for (const std::string& kind : kinds) absl::StrAppend(&text, ", ", kind);
  return text;
}

std::string NetworkText(const v1::NetworkSpec& network) {
  return absl::StrCat(ShapeOf(network), ", ", HiddenActivations(network), OtherLayers(network),
                      ", ", NameOf(network.loss().kind()),
                      network.categorical_inputs().empty()
                          ? ""
                          : absl::StrCat(", categorical inputs ", TablesText(network)),
                      network.data_type() == v1::DATA_TYPE_FLOAT64 ? ", float64" : "");
}

// What the labels say about the data that the model learnt from.
std::string DataText(const v1::Model& model) {
  const absl::StatusOr<Encoding> encoding = EncodingOf(model);
  if (!encoding.ok()) return std::string(encoding.status().message());
  const std::vector<std::string>* classes = encoding->target.classes();
  return absl::StrCat(
      encoding->target.name,
      classes == nullptr ? " (a number)" : absl::StrCat(" (", classes->size(), " classes)"),
      " from ", encoding->inputs.size(), " columns");
}

void PrintModel(const v1::Model& model) {
  std::vector<std::vector<std::string>> rows = {
      {"name", model.name()},
      {"network", NetworkText(model.network())},
      {"optimizer", absl::StrFormat("%s, learning rate %g", NameOf(model.optimizer()),
                                    model.optimizer().learning_rate())},
      {"step", absl::StrCat(FormatCount(model.step()), " (durable ",
                            FormatCount(model.durable_step()), ")")},
      {"durability", NameOf(model.durability())},
      {"parameters", FormatCount(model.parameter_count())},
      {"last loss", model.step() > 0 ? FormatNumber(model.last_loss()) : "none yet"},
      {"created", TimeUtil::ToString(model.create_time())},
      {"updated", TimeUtil::ToString(model.update_time())},
      {"state hash", absl::StrFormat("%016x", model.state_hash())},
  };
  if (HasEncoding(model)) rows.push_back({"target", DataText(model)});
  for (const auto& [key, value] : model.labels()) {
    if (key != kEncodingLabel) rows.push_back({"label", absl::StrCat(key, "=", value)});
  }
  PrintTable(rows, {false, false});
}

absl::StatusOr<ExitCode> Report(const Context& context, const v1::Model& model) {
  RETURN_IF_ERROR(CheckFinite(model));
  if (context.json) {
    PrintJson(model);
  } else {
    PrintModel(model);
  }
  return ExitCode::kOk;
}

struct CreateOptions {
  std::string name;
  int64_t inputs = 0;
  int64_t outputs = 1;
  std::vector<std::string> labels;
  ModelOptions model;
};

absl::StatusOr<ExitCode> Create(const CreateOptions& options, const Context& context) {
  ASSIGN_OR_RETURN(const v1::Loss loss,
                   ParseLoss(options.model.loss.value_or("mean_squared_error")));
  ASSIGN_OR_RETURN(v1::Model model,
                   BuildModel(options.model, options.name, options.inputs, options.outputs, loss));
  for (const std::string& label : options.labels) {
    const size_t equals = label.find('=');
    if (equals == std::string::npos) {
      return UsageError(absl::StrCat("--label: expected KEY=VALUE, got \"", label, "\""));
    }
    const std::string key = label.substr(0, equals);
    if (!model.mutable_labels()->insert({key, label.substr(equals + 1)}).second) {
      return UsageError(absl::StrCat("--label: ", key, " is given twice"));
    }
  }
  ASSIGN_OR_RETURN(model, context.client.CreateModel(std::move(model)));
  return Report(context, model);
}

absl::StatusOr<ExitCode> ListModels(const Context& context) {
  ASSIGN_OR_RETURN(const std::vector<v1::Model> models, context.client.ListAllModels());
  for (const v1::Model& model : models) RETURN_IF_ERROR(CheckFinite(model));
  if (context.json) {
    for (const v1::Model& model : models) PrintJson(model);
    return ExitCode::kOk;
  }
  std::vector<std::vector<std::string>> rows = {{"NAME", "STEP", "PARAMETERS", "NETWORK"}};
  for (const v1::Model& model : models) {
    rows.push_back({model.name(), FormatCount(model.step()), FormatCount(model.parameter_count()),
                    NetworkText(model.network())});
  }
  PrintTable(rows, {false, true, true, false});
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> Delete(const std::string& name, const Context& context) {
  RETURN_IF_ERROR(context.client.DeleteModel(name));
  if (context.json) {
    PrintJson({{"deleted", name}});
  } else {
    Print(absl::StrCat("deleted ", name, "\n"));
  }
  return ExitCode::kOk;
}

}  // namespace

void AddCreateCommand(CLI::App* app, Command* chosen) {
  CLI::App* command = app->add_subcommand("create", "Make a model, at step 0");
  auto options = std::make_shared<CreateOptions>();
  command->add_option("NAME", options->name, "The new model's name")->option_text(" ")->required();
  command->add_option("--inputs", options->inputs, "Features of an input row")
      ->option_text("N")
      ->required();
  command->add_option("--outputs", options->outputs, "Outputs of the network (default 1)")
      ->option_text("N");
  command->add_option("--label", options->labels, "A note to keep with the model; repeatable")
      ->option_text("KEY=VALUE")
      ->allow_extra_args(false);
  AddModelOptions(command, "mean_squared_error", &options->model);
  command->callback([options, chosen] {
    *chosen = [options](const Context& context) { return Create(*options, context); };
  });
}

void AddListCommand(CLI::App* app, Command* chosen) {
  app->add_subcommand("list", "List all models")->callback([chosen] { *chosen = ListModels; });
}

void AddGetCommand(CLI::App* app, Command* chosen) {
  CLI::App* command = app->add_subcommand("get", "Describe a model");
  auto name = std::make_shared<std::string>();
  command->add_option("NAME", *name, "The model's name")->option_text(" ")->required();
  command->callback([name, chosen] {
    *chosen = [name](const Context& context) -> absl::StatusOr<ExitCode> {
      ASSIGN_OR_RETURN(const v1::Model model, context.client.GetModel(*name));
      return Report(context, model);
    };
  });
}

void AddDeleteCommand(CLI::App* app, Command* chosen) {
  CLI::App* command = app->add_subcommand("delete", "Remove a model for good");
  auto name = std::make_shared<std::string>();
  command->add_option("NAME", *name, "The model's name")->option_text(" ")->required();
  command->callback([name, chosen] {
    *chosen = [name](const Context& context) { return Delete(*name, context); };
  });
}

}  // namespace descent::cli
