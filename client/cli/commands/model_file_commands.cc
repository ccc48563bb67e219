// export, import: models to and from files of standard formats.

#include <unistd.h>

#include <cerrno>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/commands/backup_file.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/finite.h"
#include "client/cli/commands/interrupt.h"
#include "client/cli/commands/model_options.h"
#include "client/cli/display/output.h"
#include "client/cli/display/status_line.h"
#include "client/cli/encoding/encoding.h"
#include "client/cli/encoding/model_data.h"
#include "client/cli/encoding/onnx_preprocessing.h"
#include "client/cli/format.h"
#include "client/cli/specs.h"
#include "client/cli/status_macros.h"
#include "client/cli/text/byte_input.h"
#include "client/descent/error.h"
#include "clock/steady.h"

namespace descent::cli {
namespace {

constexpr char kStandardStream[] = "-";
constexpr size_t kImportChunkBytes = size_t{256} << 10;

struct ExportFileOptions {
  std::string model;
  std::string file;
  std::optional<std::string> format;
  bool include_optimizer = false;
  bool with_preprocessing = false;
  bool force = false;
};

struct ImportFileOptions {
  std::string file;
  std::string name;
  std::optional<std::string> format;
  std::optional<int64_t> inputs;
  int64_t outputs = 1;
  ModelOptions model;
};

// By --format, or by the file's ending.
absl::StatusOr<v1::ExportFormat> FormatOf(const std::optional<std::string>& format,
                                          const std::string& file) {
  const std::string given = format.value_or(absl::EndsWith(file, ".safetensors") ? "safetensors"
                                            : absl::EndsWith(file, ".onnx")      ? "onnx"
                                                                                 : "");
  if (given == "safetensors") return v1::EXPORT_FORMAT_SAFETENSORS;
  if (given == "onnx") return v1::EXPORT_FORMAT_ONNX;
  if (format.has_value()) {
    return UsageError(absl::StrCat("--format: expected safetensors or onnx, got \"", given, "\""));
  }
  return UsageError(absl::StrCat(
      "the format of ", file, " is not known by its ending (.safetensors, .onnx): say --format"));
}

// Where an export goes: a file that is whole or not there, or standard output.
class ExportTarget {
 public:
  static absl::StatusOr<ExportTarget> Open(const ExportFileOptions& options) {
    ExportTarget target;
    if (options.file != kStandardStream) {
      ASSIGN_OR_RETURN(target.file_, BackupFile::Create(options.file, options.force));
    }
    return target;
  }

  bool is_file() const { return file_ != nullptr; }
  absl::Status Append(absl::string_view bytes) {
    if (file_ != nullptr) return file_->Append(bytes);
    while (!bytes.empty()) {
      const ssize_t written = write(STDOUT_FILENO, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        return FileError("standard output", std::generic_category().message(errno));
      }
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }
  absl::Status Restart() { return file_->Restart(); }
  absl::Status Commit() { return file_ != nullptr ? file_->Commit() : absl::OkStatus(); }

 private:
  std::unique_ptr<BackupFile> file_;
};

StatusLine LineFor(const Context& context) {
  return StatusLine(stderr,
                    context.json ? StatusLine::Style::kSilent : StatusLine::StyleFor(stderr));
}

// The graph of the file with what the model's encoding does to columns and answers.
absl::StatusOr<std::string> Preprocessed(const std::string& onnx, const std::string& name,
                                         const Context& context) {
  ASSIGN_OR_RETURN(const v1::Model model, context.client.GetModel(name));
  ASSIGN_OR_RETURN(const Encoding encoding, EncodingOf(model));
  return WithPreprocessing(onnx, encoding, model.network());
}

absl::Status CheckPreprocessing(const ExportFileOptions& options, v1::ExportFormat format,
                                const Context& context) {
  if (!options.with_preprocessing) return absl::OkStatus();
  if (format != v1::EXPORT_FORMAT_ONNX) {
    return UsageError("--with-preprocessing: only an ONNX graph has room for it");
  }
  ASSIGN_OR_RETURN(const v1::Model model, context.client.GetModel(options.model));
  if (HasEncoding(model)) {
    ASSIGN_OR_RETURN(const Encoding encoding, EncodingOf(model));
    const absl::Status possible = CheckPreprocessable(encoding);
    if (possible.ok()) return absl::OkStatus();
    return UsageError(absl::StrCat("--with-preprocessing: ", possible.message()));
  }
  if (model.network().categorical_inputs_size() > 0) {
    return UsageError(
        absl::StrCat("--with-preprocessing: no columns are known for the ids that the "
                     "categorical inputs of ",
                     options.model, " take; without it they are inputs of the graph"));
  }
  return UsageError(absl::StrCat("--with-preprocessing: nothing is known of the columns that ",
                                 options.model, " learned from; `descent train` keeps that"));
}

absl::StatusOr<ExitCode> Export(const ExportFileOptions& options, const Context& context) {
  client::ExportOptions call;
  ASSIGN_OR_RETURN(call.format, FormatOf(options.format, options.file));
  RETURN_IF_ERROR(CheckPreprocessing(options, call.format, context));
  const InterruptGuard guard;
  ASSIGN_OR_RETURN(ExportTarget target, ExportTarget::Open(options));
  int64_t bytes = 0;
  std::string graph;  // to be preprocessed
  call.include_optimizer = options.include_optimizer;
  call.cancelled = [&guard] { return guard.interrupted(); };
  if (options.with_preprocessing) {
    call.restart = [&] {
      bytes = 0;
      graph.clear();
      return absl::OkStatus();
    };
  } else if (target.is_file()) {
    call.restart = [&] {
      bytes = 0;
      return target.Restart();
    };
  }
  StatusLine line = LineFor(context);
  const auto append = [&](absl::string_view chunk) -> absl::Status {
    if (options.with_preprocessing) {
      graph.append(chunk.data(), chunk.size());
    } else {
      RETURN_IF_ERROR(target.Append(chunk));
    }
    bytes += static_cast<int64_t>(chunk.size());
    if (line.Due(SteadyNow())) line.Show(absl::StrCat("export  ", FormatBytes(bytes)));
    return absl::OkStatus();
  };
  const absl::Status status = context.client.ExportModel(options.model, append, call);
  line.Clear();
  if (absl::IsCancelled(status) && guard.interrupted()) {
    Note("descent: interrupted; nothing was kept");
    return ExitCode::kInterrupted;
  }
  RETURN_IF_ERROR(status);
  if (options.with_preprocessing) {
    ASSIGN_OR_RETURN(graph, Preprocessed(graph, options.model, context));
    RETURN_IF_ERROR(target.Append(graph));
    bytes = static_cast<int64_t>(graph.size());
  }
  RETURN_IF_ERROR(target.Commit());
  if (!target.is_file()) return ExitCode::kOk;
  if (context.json) {
    PrintJson({{"model", options.model}, {"file", options.file}, {"bytes", bytes}});
  } else {
    Print(absl::StrFormat("%s in %s\n", FormatBytes(bytes), options.file));
  }
  return ExitCode::kOk;
}

// What the options say of a network whose file does not.
bool DescribesNetwork(const ModelOptions& options) {
  return options.layers.has_value() || options.activation.has_value() ||
         options.dropout.has_value() || options.layer_norm || options.residual ||
         options.normalize || options.loss.has_value() || options.initializer.has_value() ||
         options.data_type.has_value() || options.seed.has_value();
}

bool DescribesOptimizer(const ModelOptions& options) {
  return options.optimizer.has_value() || options.learning_rate.has_value() ||
         options.schedule.has_value() || options.warmup_steps.has_value() ||
         options.clip_norm.has_value();
}

// Whether all that is said of the network is its loss, which a graph may be trained by.
bool IsLossOfGraph(const ImportFileOptions& options, v1::ExportFormat format) {
  if (format != v1::EXPORT_FORMAT_ONNX || options.inputs.has_value()) return false;
  ModelOptions rest = options.model;
  rest.loss.reset();
  return options.model.loss.has_value() && !DescribesNetwork(rest);
}

// The parts of a model that were asked for; the file says the rest.
absl::StatusOr<v1::Model> AskedFor(const ImportFileOptions& options, v1::ExportFormat format) {
  v1::Model model;
  const bool loss_alone = IsLossOfGraph(options, format);
  if (!options.inputs.has_value() && !loss_alone && DescribesNetwork(options.model)) {
    return UsageError(
        "options of the network need --inputs N as well: they take the place of what "
        "the file says");
  }
  if (options.inputs.has_value() || DescribesOptimizer(options.model) ||
      options.model.durability.has_value()) {
    ASSIGN_OR_RETURN(const v1::Loss loss,
                     ParseLoss(options.model.loss.value_or("mean_squared_error")));
    ASSIGN_OR_RETURN(model, BuildModel(options.model, /*name=*/"", options.inputs.value_or(1),
                                       options.outputs, loss));
  }
  if (!options.inputs.has_value()) {
    model.clear_network();
    if (loss_alone) {
      ASSIGN_OR_RETURN(*model.mutable_network()->mutable_loss(), ParseLoss(*options.model.loss));
    }
    if (!DescribesOptimizer(options.model)) model.clear_optimizer();
  }
  return model;
}

// A file in chunks that fit into messages.
class ImportFile {
 public:
  static absl::StatusOr<ImportFile> Open(const std::string& path) {
    ImportFile file;
    const std::string name = path == kStandardStream ? "standard input" : path;
    ASSIGN_OR_RETURN(file.input_, ByteInput::Open(path, name));
    return file;
  }

  bool seekable() const { return input_->seekable(); }
  int64_t bytes() const { return bytes_; }

  absl::StatusOr<bool> Next(std::string* chunk) {
    while (position_ == piece_.size()) {
      position_ = 0;
      ASSIGN_OR_RETURN(const bool more, input_->Read(&piece_));
      if (!more) return false;
    }
    *chunk = piece_.substr(position_, kImportChunkBytes);
    position_ += chunk->size();
    bytes_ += static_cast<int64_t>(chunk->size());
    return true;
  }

  absl::Status Rewind() {
    piece_.clear();
    position_ = 0;
    bytes_ = 0;
    return input_->Rewind();
  }

 private:
  std::unique_ptr<ByteInput> input_;
  std::string piece_;
  size_t position_ = 0;  // in piece_
  int64_t bytes_ = 0;
};

// Whether the server wants to know what the file does not say of that part of the model.
bool Misses(const absl::Status& status, absl::string_view part) {
  const client::ErrorDetails details = client::GetErrorDetails(status);
  return details.reason == "REQUIRED_FIELD" && !details.field_violations.empty() &&
         details.field_violations[0].field == absl::StrCat("start.model.", part);
}

// The model from the file, and from the options what that does not say.
absl::StatusOr<v1::Model> Send(const ImportFileOptions& options, v1::ImportStart start,
                               const client::ImportSource& source, const Context& context,
                               const InterruptGuard& guard) {
  const client::ImportOptions call = {.cancelled = [&guard] { return guard.interrupted(); }};
  absl::StatusOr<v1::Model> model = context.client.ImportModel(start, source, call);
  if (Misses(model.status(), "network")) {
    return UsageError(absl::StrCat("the network is not in ", options.file,
                                   ": say --inputs N, and --outputs, --layers, --activation and so "
                                   "on where they are not as usual"));
  }
  if (!Misses(model.status(), "optimizer")) return model;
  if (source.rewind == nullptr) {
    return UsageError(
        "the file does not say how to train the model: say --optimizer, such as --optimizer adam");
  }
  ASSIGN_OR_RETURN(const v1::Loss any_loss, ParseLoss("mean_squared_error"));
  ASSIGN_OR_RETURN(const v1::Model usual, BuildModel(options.model, /*name=*/"", /*features=*/1,
                                                     /*outputs=*/1, any_loss));
  *start.mutable_model()->mutable_optimizer() = usual.optimizer();
  Note(absl::StrFormat(
      "descent: the file does not say how to train the model: adam with a learning rate of %g is "
      "taken, unless --optimizer says another",
      usual.optimizer().learning_rate()));
  RETURN_IF_ERROR(source.rewind());
  return context.client.ImportModel(start, source, call);
}

absl::StatusOr<ExitCode> Import(const ImportFileOptions& options, const Context& context) {
  v1::ImportStart start;
  start.set_name(options.name);
  ASSIGN_OR_RETURN(const v1::ExportFormat format, FormatOf(options.format, options.file));
  start.set_format(format);
  ASSIGN_OR_RETURN(*start.mutable_model(), AskedFor(options, format));
  const InterruptGuard guard;
  ASSIGN_OR_RETURN(ImportFile file, ImportFile::Open(options.file));
  StatusLine line = LineFor(context);
  client::ImportSource source;
  source.next = [&](std::string& chunk) -> absl::StatusOr<bool> {
    if (line.Due(SteadyNow())) line.Show(absl::StrCat("import  ", FormatBytes(file.bytes())));
    return file.Next(&chunk);
  };
  if (file.seekable()) source.rewind = [&file] { return file.Rewind(); };
  const absl::StatusOr<v1::Model> model = Send(options, start, source, context, guard);
  line.Clear();
  if (absl::IsCancelled(model.status()) && guard.interrupted()) {
    Note("descent: interrupted; nothing was kept");
    return ExitCode::kInterrupted;
  }
  RETURN_IF_ERROR(model.status());
  RETURN_IF_ERROR(CheckFinite(*model));
  if (context.json) {
    PrintJson(*model);
  } else {
    Print(absl::StrFormat("%s: %s, step %s, state hash %016x\n", model->name(),
                          ShapeOf(model->network()), FormatCount(model->step()),
                          model->state_hash()));
  }
  return ExitCode::kOk;
}

constexpr char kExportFooter[] = R"(
The model of one moment, while its training goes on. safetensors has its parameters under their names
(kernels are [inputs, units]), its description, and how `descent train` made its inputs and targets from
a table, so that `descent import` makes the same model again, and `descent predict` works on that; with
--include-optimizer its training goes on bit for bit. The file is written to FILE.partial, which takes its
name when it is whole and on the disk; Ctrl-C leaves nothing (exit status 130). - is standard output.

ONNX has the graph that predicts, for other runtimes: encoded rows go in. --with-preprocessing puts the
encoding into the graph as well: an input for each column of the table under its name (numbers as doubles,
categories as strings, missing cells as NaN and ""), and out come numbers in the target's unit, or
labels and probabilities.)";

constexpr char kImportFooter[] = R"(
What `descent export` wrote says all of the model; options of the network, with --inputs, or of the
optimizer take the place of that. A file of PyTorch's names (0.weight, 0.bias, …) says nothing of the
network, so it takes --inputs, --outputs, --layers and so on:

  descent import net.safetensors --name house --inputs 13 --layers 64,64

An ONNX graph has its network; its end decides the loss (softmax, sigmoid and exp those of that name), unless
--loss says another: softmax_cross_entropy for a graph that ends in logits.

The model is there when all of the file has come and is right, and not before. - is standard input.)";

}  // namespace

void AddExportCommand(CLI::App* app, Command* chosen) {
  CLI::App* command = app->add_subcommand("export", "Write a model as a file of a standard format");
  command->footer(kExportFooter);
  auto options = std::make_shared<ExportFileOptions>();
  command->add_option("NAME", options->model, "The model's name")->option_text(" ")->required();
  command->add_option("FILE", options->file, "Where to")->option_text(" ")->required();
  command
      ->add_option("--format", options->format,
                   "safetensors or onnx (default: by the file's ending)")
      ->option_text("FORMAT");
  command->add_flag("--include-optimizer", options->include_optimizer,
                    "Write the optimizer's state too (safetensors only)");
  command->add_flag("--with-preprocessing", options->with_preprocessing,
                    "Put into the graph what is done to columns and answers (onnx only)");
  command->add_flag("--force", options->force, "Replace the file if it is there");
  command->callback([options, chosen] {
    *chosen = [options](const Context& context) { return Export(*options, context); };
  });
}

void AddImportCommand(CLI::App* app, Command* chosen) {
  CLI::App* command =
      app->add_subcommand("import", "Make a model from a file of a standard format");
  command->footer(kImportFooter);
  auto options = std::make_shared<ImportFileOptions>();
  command->add_option("FILE", options->file, "Where from")->option_text(" ")->required();
  command->add_option("--name", options->name, "The new model's name")
      ->option_text("NAME")
      ->required();
  command
      ->add_option("--format", options->format,
                   "safetensors or onnx (default: by the file's ending)")
      ->option_text("FORMAT");
  command
      ->add_option("--inputs", options->inputs,
                   "Features of an input row, of a file that does not say its network")
      ->option_text("N");
  command->add_option("--outputs", options->outputs, "Outputs of such a network (default 1)")
      ->option_text("N");
  AddModelOptions(command, "mean_squared_error", &options->model);
  command->callback([options, chosen] {
    *chosen = [options](const Context& context) { return Import(*options, context); };
  });
}

}  // namespace descent::cli
