// train: streams a file or a generator's rows to a model.

#include <CLI/Option.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/file_options.h"
#include "client/cli/commands/help.h"
#include "client/cli/commands/interrupt.h"
#include "client/cli/commands/model_options.h"
#include "client/cli/commands/tensorboard_log.h"
#include "client/cli/commands/train_report.h"
#include "client/cli/display/loss_curve.h"
#include "client/cli/display/output.h"
#include "client/cli/display/progress.h"
#include "client/cli/encoding/embedding.h"
#include "client/cli/encoding/fingerprint.h"
#include "client/cli/specs.h"
#include "client/cli/status_macros.h"
#include "client/cli/tables/generators.h"
#include "client/cli/training/training_data.h"
#include "client/cli/training/training_run.h"

namespace descent::cli {
namespace {

struct TrainOptions {
  std::string name;
  DataOptions data;
  ModelOptions model;
  int64_t epochs = 30;
  int64_t batch_rows = 64;
  std::string plot;
  std::string tensorboard;
};

// The categorical inputs of columns that are embedded. Unless something else is asked for, their
// tables begin with zeros: a category that training has not met adds nothing, which says "none of
// those I know", and the first layer's kernel is what tells vectors' numbers apart.
absl::Status AddTables(const TrainOptions& options, const Encoding& encoding,
                       v1::NetworkSpec* network) {
  v1::Initializer initializer;
  initializer.set_kind(v1::INITIALIZER_KIND_ZEROS);
  if (options.model.initializer.has_value()) {
    ASSIGN_OR_RETURN(initializer, ParseInitializer(*options.model.initializer));
  }
  for (v1::CategoricalInput& input : CategoricalInputsOf(encoding, initializer)) {
    *network->add_categorical_inputs() = std::move(input);
  }
  if (network->input_features() > 0 || !network->has_input_normalization()) {
    return absl::OkStatus();
  }
  return UsageError(
      "--normalize: all columns are embedded, so that there are no numbers to normalise");
}

absl::StatusOr<Task> StartModel(const TrainOptions& options, const Context& context) {
  Task task;
  task.is_new = true;
  DataOptions data_options = options.data;
  data_options.seed = options.model.seed.value_or(0);
  if (options.model.loss.has_value()) {
    ASSIGN_OR_RETURN(data_options.loss, ParseLoss(*options.model.loss));
  }
  data_options.float64 = options.model.data_type == "float64";
  // Options that make no sense are found before a large file is read.
  RETURN_IF_ERROR(BuildModel(options.model, options.name, 1, 1, {}).status());
  ASSIGN_OR_RETURN(task.data, PrepareNewData(data_options));
  ASSIGN_OR_RETURN(task.model, BuildModel(options.model, options.name, task.data.dataset.features,
                                          task.data.outputs, task.data.loss));
  RETURN_IF_ERROR(AddTables(options, task.data.encoding, task.model.mutable_network()));
  RETURN_IF_ERROR(KeepEncoding(task.data.encoding, &task.model));
  ASSIGN_OR_RETURN(task.model, context.client.CreateModel(task.model));
  return task;
}

// Has the server keep the model's labels and client data as they are here.
absl::Status UpdateKept(const Context& context, Task* task) {
  v1::UpdateModelRequest request;
  request.mutable_model()->set_name(task->model.name());
  *request.mutable_model()->mutable_labels() = task->model.labels();
  request.mutable_model()->set_client_data(task->model.client_data());
  request.mutable_update_mask()->add_paths("labels");
  request.mutable_update_mask()->add_paths("client_data");
  ASSIGN_OR_RETURN(task->model, context.client.UpdateModel(std::move(request)));
  return absl::OkStatus();
}

// A model that nobody has trained or described yet takes its encoding from this data.
absl::Status DescribeModel(const Context& context, Task* task) {
  if (task->data.dataset.features != task->model.network().input_features() ||
      task->data.outputs != OutputsOf(task->model.network())) {
    return DataError(
        {"data"},
        absl::StrCat("they make ", task->data.dataset.features, " inputs and ", task->data.outputs,
                     " outputs, the model's shape is ", ShapeOf(task->model.network())));
  }
  const absl::Status embedded = CheckEmbedded(task->data.encoding, task->model.network());
  if (!embedded.ok()) return DataError({"data"}, embedded.message());
  RETURN_IF_ERROR(KeepEncoding(task->data.encoding, &task->model));
  return UpdateKept(context, task);
}

// The model's next evaluation can say that it is on rows that it has learnt from.
absl::Status RememberRows(const Context& context, Task* task) {
  if (!HasEncoding(task->model)) return absl::OkStatus();
  if (!Remember(FingerprintOf(task->data.dataset), &task->data.encoding.trained_on)) {
    return absl::OkStatus();
  }
  v1::Model kept = task->model;
  // One that has no room for it is still to be trained.
  if (!KeepEncoding(task->data.encoding, &kept).ok()) return absl::OkStatus();
  task->model = std::move(kept);
  return UpdateKept(context, task);
}
absl::StatusOr<Task> ContinueModel(const TrainOptions& options, const Context& context,
                                   v1::Model model) {
  RETURN_IF_ERROR(CheckModelOptions(options.model, model));
  Task task;
  task.model = std::move(model);
  DataOptions data_options = options.data;
  data_options.seed = options.model.seed.value_or(task.model.network().seed());
  if (!HasEncoding(task.model) && task.model.step() == 0) {
    data_options.loss = task.model.network().loss();
    data_options.float64 = task.model.network().data_type() == v1::DATA_TYPE_FLOAT64;
    ASSIGN_OR_RETURN(task.data, PrepareNewData(data_options));
    RETURN_IF_ERROR(DescribeModel(context, &task));
    return task;
  }
  const v1::NetworkSpec& network = task.model.network();
  if (OutputsOf(network) != 1 && network.loss().kind() != v1::LOSS_KIND_SOFTMAX_CROSS_ENTROPY) {
    return UsageError(absl::StrCat(task.model.name(), " has ", OutputsOf(network),
                                   " outputs; train learns one target"));
  }
  ASSIGN_OR_RETURN(task.data, PrepareData(data_options, task.model));
  RETURN_IF_ERROR(RememberRows(context, &task));
  return task;
}

absl::StatusOr<Task> PrepareTask(const TrainOptions& options, const Context& context) {
  absl::StatusOr<v1::Model> model = context.client.GetModel(options.name);
  if (model.ok()) return ContinueModel(options, context, *std::move(model));
  if (!absl::IsNotFound(model.status())) return model.status();
  return StartModel(options, context);
}

// A file that can't be written is better found before an hour of training than after.
absl::Status CheckWritable(const std::string& path) {
  if (std::ofstream(path, std::ios::app)) return absl::OkStatus();
  return UsageError(absl::StrCat("--plot: can't write ", path));
}

absl::Status MakeDirectory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  return error ? FileError(path, error.message()) : absl::OkStatus();
}

absl::StatusOr<ExitCode> Train(const TrainOptions& options, const Context& context) {
  if (!options.plot.empty()) RETURN_IF_ERROR(CheckWritable(options.plot));
  if (!options.tensorboard.empty()) RETURN_IF_ERROR(MakeDirectory(options.tensorboard));
  ASSIGN_OR_RETURN(const Task task, PrepareTask(options, context));
  Announce(task);
  std::unique_ptr<TensorBoardLog> tensorboard;
  if (!options.tensorboard.empty()) {
    ASSIGN_OR_RETURN(tensorboard, TensorBoardLog::Create(options.tensorboard, task.model.step()));
  }

  const InterruptGuard guard;
  RunOptions run;
  run.model = options.name;
  run.step = task.model.step();
  run.epochs = options.epochs;
  run.batch_rows = options.batch_rows;
  run.seed = options.model.seed.value_or(task.model.network().seed());
  if (!task.is_new) run.learning_rate = options.model.learning_rate;
  run.interrupted = [&guard] { return guard.interrupted(); };
  if (tensorboard != nullptr) {
    run.on_ack = [&tensorboard](const v1::TrainAck& ack) { tensorboard->Add(ack); };
  }
  run.on_break = [](const absl::Status& cause) {
    // Of what is not a matter of the connection, the context's notes tell.
    if (!absl::IsUnavailable(cause)) return;
    Note(absl::StrCat("connection lost (", cause.message(), "); mending it"));
  };
  Progress progress(stderr, context.json ? Progress::Style::kSilent : Progress::StyleFor(stderr));
  context.trouble->SetBefore([&progress] { progress.Clear(); });
  const absl::StatusOr<RunResult> result =
      RunTraining(context.client, task.data, run, &progress, [&](const EpochResult& epoch) {
        if (context.json) PrintEpochJson(epoch);
        if (tensorboard != nullptr) tensorboard->Add(epoch);
      });
  context.trouble->SetBefore(nullptr);
  RETURN_IF_ERROR(result.status());

  if (!options.plot.empty()) {
    RETURN_IF_ERROR(WriteLossCurve(CurveOf(task, options.batch_rows, *result), options.plot));
  }
  if (context.json) {
    PrintResultJson(task, *result);
  } else {
    PrintResult(task, *result);
    if (!options.plot.empty()) Print(absl::StrCat("loss curve in ", options.plot, "\n"));
  }
  if (tensorboard != nullptr) RETURN_IF_ERROR(tensorboard->status());
  return result->interrupted ? ExitCode::kInterrupted : ExitCode::kOk;
}

// Adds them to the command, and returns --csv and --generate, of which one is to be given.
std::pair<CLI::Option*, CLI::Option*> AddDataOptions(CLI::App* command, DataOptions* options) {
  constexpr char kGroup[] = "Data (--csv or --generate)";
  CLI::Option* csv =
      command->add_option("--csv", options->csv,
                          "A file of rows to learn from (CSV, JSON lines, npy, npz; plain, "
                          "gzip or zstd); - is standard input");
  csv->option_text("FILE")->group(kGroup);
  CLI::Option* generate =
      command->add_option("--generate", options->generator,
                          absl::StrCat("Made-up rows: ", absl::StrJoin(GeneratorNames(), ", ")));
  generate->option_text("NAME")->group(kGroup);
  command
      ->add_option("--rows", options->rows,
                   "How many rows to make up to learn from; those to test with come on top "
                   "(default 10000)")
      ->option_text("N")
      ->group(kGroup);
  command
      ->add_option("--noise", options->noise,
                   "Standard deviation of what is added to them (default: friedman1 1, "
                   "two-spirals 0.02)")
      ->option_text("X")
      ->group(kGroup);
  command
      ->add_option("--target", options->target,
                   "The column to predict, by name or by number from 1 (default: the last)")
      ->option_text("COLUMN")
      ->group(kGroup);
  command->add_option("--ignore", options->ignored, "A column to leave out; repeatable")
      ->option_text("COLUMN")
      ->allow_extra_args(false)
      ->group(kGroup);
  command
      ->add_option("--positive", options->positive,
                   "Of two classes, the one whose precision, recall and F1 are told (default: the "
                   "last in order)")
      ->option_text("LABEL")
      ->group(kGroup);
  command
      ->add_option("--categorical", options->categorical,
                   "A column of categories, whatever its cells look like; repeatable")
      ->option_text("COLUMN")
      ->allow_extra_args(false)
      ->group(kGroup);
  command
      ->add_option("--embed", options->embedded,
                   "A column of many categories, each of which gets a vector of DIMENSION numbers "
                   "that is learned, in a table of BUCKETS rows, in the place of an input each; "
                   "new ones are learned too (default: by how many there are); repeatable")
      ->option_text("COLUMN[:DIMENSION[:BUCKETS]]")
      ->allow_extra_args(false)
      ->group(kGroup);
  CLI::Option* test_csv = command->add_option("--test-csv", options->test_csv,
                                              "Rows to test with, of the same columns");
  test_csv->option_text("FILE")->group(kGroup);
  command
      ->add_option("--test-fraction", options->test_fraction,
                   "Otherwise: the share of the rows that is for testing, drawn by the seed "
                   "(default 0.2)")
      ->option_text("X")
      ->excludes(test_csv)
      ->group(kGroup);
  return {csv, generate};
}

constexpr char kTrainFooter[] =
    R"(
Columns hold numbers or dates where most of their cells are some, and categories otherwise; an empty
cell, NA, NaN, null, ? and the like are missing. A cell that is neither is an error that names its
place. What the file looks like is found out and said; a column of row numbers without a name and
empty columns are left out, and rows without a target. Dates become days since 1970 and cycles.
Numbers are standardised by the training rows, missing ones count as their median; each category is
an input of its own, "missing" one of them, and one that training never saw counts as none. Of columns
that --embed names the texts are sent as they are, and the server keeps a table of vectors. A numeric
target is standardised too (not for poisson), unless it is taken for classes: few whole values that
are numbered and spread as classes are, or any by --loss binary_cross_entropy or softmax_cross_entropy.
Test rows of classes are drawn from each class alike. All this is kept with the model, so that predict, evaluate and further training do the same.

Training a model that is there goes on from its step: it has to be of the same columns. Ctrl-C ends
in order after the batches under way (exit status 130); a second one ends at once.)";

}  // namespace

void AddTrainCommand(CLI::App* app, Command* chosen) {
  CLI::App* command = app->add_subcommand(
      "train", "Train a model on the rows of a file or a generator; make it if it isn't there");
  command->footer(kTrainFooter);
  auto options = std::make_shared<TrainOptions>();
  command->add_option("NAME", options->name, "The model's name")->option_text(" ")->required();
  const auto [csv, generate] = AddDataOptions(command, &options->data);
  AddFileOptions(command, &options->data.file);
  constexpr char kGroup[] = "Training";
  command
      ->add_option("--epochs", options->epochs,
                   "Times to go through the training rows (default 30)")
      ->option_text("N")
      ->check(PositiveInteger())
      ->group(kGroup);
  command->add_option("--batch", options->batch_rows, "Rows of an update (default 64)")
      ->option_text("N")
      ->check(PositiveInteger())
      ->group(kGroup);
  command->add_option("--plot", options->plot, "Draws the loss over the epochs into this SVG file")
      ->option_text("FILE")
      ->group(kGroup);
  command
      ->add_option("--tensorboard", options->tensorboard,
                   "Writes loss, gradient norm, learning rate, rows a second and test metrics into "
                   "a new file in this directory as training goes along, for TensorBoard to show")
      ->option_text("DIR")
      ->group(kGroup);
  AddModelOptions(command,
                  "by the target: mean_squared_error for a number, binary_cross_entropy for two "
                  "classes (0 and 1 are), softmax_cross_entropy for more",
                  &options->model);
  command->callback([options, csv = csv, generate = generate, chosen] {
    RequireOne(csv, generate);
    *chosen = [options](const Context& context) { return Train(*options, context); };
  });
}

}  // namespace descent::cli
