#include "client/cli/commands/model_options.h"

#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "client/cli/layers.h"
#include "client/cli/specs.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

using google::protobuf::util::MessageDifferencer;

constexpr char kDefaultLayers[] = "64,64";
constexpr char kDefaultActivation[] = "relu";
constexpr char kDefaultOptimizer[] = "adam";
constexpr double kDefaultLearningRate = 1e-3;
constexpr char kDefaultInitializer[] = "fan_in_uniform";

absl::StatusOr<v1::DataType> ParseDataType(const std::string& text) {
  if (text == "float32") return v1::DATA_TYPE_FLOAT32;
  if (text == "float64") return v1::DATA_TYPE_FLOAT64;
  return UsageError(absl::StrCat("--data-type: \"", text, "\" is none of float32, float64"));
}

absl::StatusOr<v1::OptimizerSpec> BuildOptimizer(const ModelOptions& options) {
  ASSIGN_OR_RETURN(v1::OptimizerSpec optimizer,
                   ParseOptimizer(options.optimizer.value_or(kDefaultOptimizer)));
  optimizer.set_learning_rate(options.learning_rate.value_or(kDefaultLearningRate));
  if (options.schedule.has_value()) {
    ASSIGN_OR_RETURN(*optimizer.mutable_schedule(), ParseSchedule(*options.schedule));
  }
  if (options.warmup_steps.has_value()) {
    optimizer.mutable_schedule()->set_warmup_steps(*options.warmup_steps);
  }
  if (options.clip_norm.has_value()) optimizer.set_clip_norm(*options.clip_norm);
  return optimizer;
}

// Whether everything that `given` says is so in `actual`, which may say more.
bool Agrees(const google::protobuf::Message& given, const google::protobuf::Message& actual) {
  MessageDifferencer differencer;
  differencer.set_scope(MessageDifferencer::PARTIAL);
  return differencer.Compare(given, actual);
}

absl::Status Contradiction(const char* option, const v1::Model& model, const std::string& actual) {
  return UsageError(absl::StrCat(option, ": the model ", model.name(), " is there already, with ",
                                 actual, "; leave the option out or train under another name"));
}

absl::Status CheckLayers(const std::string& text, const v1::Model& model) {
  ASSIGN_OR_RETURN(const std::vector<int64_t> given, ParseLayers(text));
  std::vector<int64_t> actual;
  for (const v1::DenseLayer* dense : DenseLayers(model.network())) {
    actual.push_back(dense->units());
  }
  if (!actual.empty()) actual.pop_back();  // the outputs
  if (given == actual) return absl::OkStatus();
  return Contradiction("--layers", model, ShapeOf(model.network()));
}

absl::Status CheckActivation(const std::string& text, const v1::Model& model) {
  ASSIGN_OR_RETURN(const v1::Activation given, ParseActivation(text));
  const std::vector<const v1::DenseLayer*> dense = DenseLayers(model.network());
  if (dense.size() < 2) return Contradiction("--activation", model, "no hidden layers");
  for (size_t i = 0; i + 1 < dense.size(); ++i) {
    const v1::Activation& actual = dense[i]->activation();
    if (!Agrees(given, actual)) {
      return Contradiction("--activation", model, NameOf(actual.kind()));
    }
  }
  return absl::OkStatus();
}

// What goes between dense layers, and before them.
absl::Status CheckOtherLayers(const ModelOptions& options, const v1::Model& model) {
  bool layer_norm = false;
  bool residual = false;
  std::optional<double> dropout;
  for (const v1::Layer* layer : LayersInOrder(model.network())) {
    layer_norm |= layer->has_layer_norm();
    residual |= layer->has_residual();
    if (layer->has_dropout()) dropout = layer->dropout().rate();
  }
  if (options.dropout.has_value() && *options.dropout != dropout.value_or(0)) {
    return Contradiction("--dropout", model,
                         dropout.has_value() ? absl::StrCat("a rate of ", *dropout) : "no dropout");
  }
  if (options.layer_norm && !layer_norm) {
    return Contradiction("--layer-norm", model, "no layer norm");
  }
  if (options.residual && !residual) return Contradiction("--residual", model, "no residuals");
  if (options.normalize && !model.network().has_input_normalization()) {
    return Contradiction("--normalize", model, "inputs taken as they come");
  }
  return absl::OkStatus();
}

// As text that protobuf reads: what its messages print of themselves is for debugging, and current
// versions of it say so in every line.
std::string OneLine(const google::protobuf::Message& message) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  std::string text;
  printer.PrintToString(message, &text);
  if (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

// What the optimizer does with the learning rate and the gradient. A single run can have another
// learning rate, but not another schedule.
absl::Status CheckLearningRateOptions(const ModelOptions& options, const v1::Model& model) {
  const v1::OptimizerSpec& actual = model.optimizer();
  if (options.schedule.has_value()) {
    ASSIGN_OR_RETURN(const v1::LearningRateSchedule given, ParseSchedule(*options.schedule));
    if (!Agrees(given, actual.schedule())) {
      return Contradiction("--schedule", model, OneLine(actual));
    }
  }
  if (options.warmup_steps.has_value() &&
      *options.warmup_steps != actual.schedule().warmup_steps()) {
    return Contradiction("--warmup-steps", model, absl::StrCat(actual.schedule().warmup_steps()));
  }
  if (options.clip_norm.has_value() && *options.clip_norm != actual.clip_norm()) {
    return Contradiction("--clip-norm", model, OneLine(actual));
  }
  return absl::OkStatus();
}

}  // namespace

void AddModelOptions(CLI::App* command, const std::string& default_loss, ModelOptions* options) {
  constexpr char kGroup[] = "Model";
  command
      ->add_option("--layers", options->layers,
                   "Widths of the hidden layers, or none (default 64,64); 64x8: eight alike")
      ->option_text("N,N,...")
      ->group(kGroup);
  command
      ->add_option("--activation", options->activation,
                   absl::StrCat("Of the hidden layers (default relu): ", ActivationNames()))
      ->option_text("NAME")
      ->group(kGroup);
  command
      ->add_option("--dropout", options->dropout,
                   "The share of each hidden layer's outputs that training leaves out at random, "
                   "below 1 (default: none)")
      ->option_text("X")
      ->group(kGroup);
  command
      ->add_flag("--layer-norm", options->layer_norm,
                 "Normalises each row before each layer but the first")
      ->group(kGroup);
  command
      ->add_flag("--residual", options->residual,
                 "Adds what a hidden layer reads to what it gives, where both are as wide")
      ->group(kGroup);
  command
      ->add_flag("--normalize", options->normalize,
                 "Lets the server normalise inputs by running statistics of the rows it learns, "
                 "for data whose scale drifts")
      ->group(kGroup);
  command
      ->add_option("--loss", options->loss,
                   absl::StrCat("What is minimised (default ", default_loss, "): ", LossNames()))
      ->option_text("NAME")
      ->group(kGroup);
  command
      ->add_option("--optimizer", options->optimizer,
                   absl::StrCat("(default adam): ", OptimizerNames()))
      ->option_text("NAME")
      ->group(kGroup);
  command->add_option("--learning-rate", options->learning_rate, "(default 0.001)")
      ->option_text("X")
      ->group(kGroup);
  command
      ->add_option("--schedule", options->schedule,
                   absl::StrCat("Of the learning rate (default constant): ", ScheduleNames()))
      ->option_text("NAME")
      ->group(kGroup);
  command
      ->add_option("--warmup-steps", options->warmup_steps,
                   "Updates over which the learning rate rises at first (default 0)")
      ->option_text("N")
      ->group(kGroup);
  command
      ->add_option("--clip-norm", options->clip_norm,
                   "Scales longer gradients down to this norm (default: not)")
      ->option_text("X")
      ->group(kGroup);
  command
      ->add_option("--initializer", options->initializer,
                   absl::StrCat("Of all parameters (default fan_in_uniform): ", InitializerNames()))
      ->option_text("NAME")
      ->group(kGroup);
  command
      ->add_option("--data-type", options->data_type,
                   "What the network computes in: float32 (the default) or float64")
      ->option_text("NAME")
      ->group(kGroup);
  command
      ->add_option(
          "--durability", options->durability,
          absl::StrCat("What outlives a crash of the server: each acknowledged update, the "
                       "last checkpoint or nothing (default journal): ",
                       DurabilityNames()))
      ->option_text("NAME")
      ->group(kGroup);
  command
      ->add_option("--seed", options->seed,
                   "Decides initial parameters, test rows, order of rows, generated rows "
                   "(default 0; for a model that is there already, its own)")
      ->option_text("N")
      ->group(kGroup);
}

absl::StatusOr<v1::Model> BuildModel(const ModelOptions& options, const std::string& name,
                                     int64_t features, int64_t outputs, const v1::Loss& loss) {
  ASSIGN_OR_RETURN(std::vector<int64_t> units,
                   ParseLayers(options.layers.value_or(kDefaultLayers)));
  ASSIGN_OR_RETURN(const v1::Activation activation,
                   ParseActivation(options.activation.value_or(kDefaultActivation)));
  ASSIGN_OR_RETURN(const v1::Initializer initializer,
                   ParseInitializer(options.initializer.value_or(kDefaultInitializer)));
  v1::Model model;
  model.set_name(name);
  ASSIGN_OR_RETURN(*model.mutable_optimizer(), BuildOptimizer(options));
  v1::NetworkSpec& network = *model.mutable_network();
  network.set_input_features(features);
  *network.mutable_loss() = loss;
  network.set_seed(options.seed.value_or(0));
  if (options.data_type.has_value()) {
    ASSIGN_OR_RETURN(const v1::DataType data_type, ParseDataType(*options.data_type));
    network.set_data_type(data_type);
  }
  if (options.durability.has_value()) {
    ASSIGN_OR_RETURN(const v1::Durability durability, ParseDurability(*options.durability));
    model.set_durability(durability);
  }
  const std::pair<const char*, bool> of_hidden_layers[] = {
      {"--activation", options.activation.has_value()},
      {"--dropout", options.dropout.has_value()},
      {"--layer-norm", options.layer_norm},
      {"--residual", options.residual}};
  for (const auto& [option, given] : of_hidden_layers) {
    if (given && units.empty()) {
      return UsageError(
          absl::StrCat(option, " is of the hidden layers, and --layers says that there are none"));
    }
  }
  if (options.dropout.has_value() && !(*options.dropout >= 0 && *options.dropout < 1)) {
    return UsageError(
        absl::StrCat("--dropout: expected a number in [0, 1), got ", *options.dropout));
  }
  if (options.normalize) network.mutable_input_normalization();
  AddLayers({.units = std::move(units),
             .activation = activation,
             .dropout = options.dropout,
             .layer_norm = options.layer_norm,
             .residual = options.residual},
            outputs, initializer, &network);
  return model;
}

absl::Status CheckModelOptions(const ModelOptions& options, const v1::Model& model) {
  if (options.layers.has_value()) RETURN_IF_ERROR(CheckLayers(*options.layers, model));
  if (options.activation.has_value()) RETURN_IF_ERROR(CheckActivation(*options.activation, model));
  RETURN_IF_ERROR(CheckOtherLayers(options, model));
  if (options.loss.has_value()) {
    ASSIGN_OR_RETURN(const v1::Loss given, ParseLoss(*options.loss));
    const v1::Loss& actual = model.network().loss();
    if (!Agrees(given, actual)) return Contradiction("--loss", model, NameOf(actual.kind()));
  }
  if (options.optimizer.has_value()) {
    ASSIGN_OR_RETURN(const v1::OptimizerSpec given, ParseOptimizer(*options.optimizer));
    if (!Agrees(given, model.optimizer())) {
      return Contradiction("--optimizer", model, OneLine(model.optimizer()));
    }
  }
  RETURN_IF_ERROR(CheckLearningRateOptions(options, model));
  if (options.initializer.has_value()) {
    ASSIGN_OR_RETURN(const v1::Initializer given, ParseInitializer(*options.initializer));
    const std::vector<const v1::DenseLayer*> dense = DenseLayers(model.network());
    if (dense.empty() || !Agrees(given, dense.front()->kernel_initializer())) {
      return Contradiction("--initializer", model, "parameters that have their values");
    }
  }
  if (options.data_type.has_value()) {
    ASSIGN_OR_RETURN(const v1::DataType given, ParseDataType(*options.data_type));
    if (given != model.network().data_type()) {
      return Contradiction("--data-type", model, v1::DataType_Name(model.network().data_type()));
    }
  }
  if (options.durability.has_value()) {
    ASSIGN_OR_RETURN(const v1::Durability given, ParseDurability(*options.durability));
    if (given != model.durability()) {
      return Contradiction("--durability", model, NameOf(model.durability()));
    }
  }
  return absl::OkStatus();
}

}  // namespace descent::cli
