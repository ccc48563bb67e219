// predict, evaluate, gradient: what a model makes of rows.

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/interrupt.h"
#include "client/cli/commands/parameters.h"
#include "client/cli/commands/prediction_output.h"
#include "client/cli/commands/row_source.h"
#include "client/cli/display/output.h"
#include "client/cli/encoding/batches.h"
#include "client/cli/encoding/fingerprint.h"
#include "client/cli/encoding/model_data.h"
#include "client/cli/encoding/places.h"
#include "client/cli/encoding/predictions.h"
#include "client/cli/format.h"
#include "client/cli/status_macros.h"
#include "client/descent/tensor.h"

namespace descent::cli {
namespace {

struct RowCommandOptions {
  std::string name;
  RowOptions rows;
};

// The model, how its rows are encoded, and the rows.
struct RowTask {
  v1::Model model;
  std::unique_ptr<const Encoding> encoding;  // which the source looks at
  std::optional<RowSource> source;

  absl::Status Open(const RowOptions& rows, bool with_target) {
    absl::StatusOr<RowSource> opened =
        RowSource::Open(rows, *encoding, TermsOf(model.network()), with_target);
    RETURN_IF_ERROR(opened.status());
    source.emplace(*std::move(opened));
    return absl::OkStatus();
  }
};

absl::StatusOr<RowTask> Begin(const RowCommandOptions& options, const Context& context,
                              bool with_target) {
  RowTask task;
  ASSIGN_OR_RETURN(task.model, context.client.GetModel(options.name));
  ASSIGN_OR_RETURN(Encoding encoding, EncodingOf(task.model));
  task.encoding = std::make_unique<const Encoding>(std::move(encoding));
  RETURN_IF_ERROR(task.Open(options.rows, with_target));
  return task;
}

std::string NameOf(const RowOptions& rows) {
  if (rows.csv.empty()) return "--row";
  return rows.csv == "-" ? "standard input" : rows.csv;
}

struct PredictOptions : RowCommandOptions {
  OutputOptions output;
};

// Predictions of rows, with what is kept of them, as they come.
class PredictionPrinter {
 public:
  PredictionPrinter(const RowTask& task, PredictionOutput* output, const Predictions& predictions)
      : predictions_(predictions), model_(task.model.name()), output_(*output) {}

  // Of some rows. An error for one that isn't finite; those before it have been printed.
  absl::Status PrintRows(const Dataset& dataset, absl::Span<const int64_t> rows,
                         const v1::PredictResponse& answer) {
    ASSIGN_OR_RETURN(
        const std::vector<Prediction> predictions,
        predictions_.DecodeAnswer(answer.outputs(), static_cast<int64_t>(rows.size())));
    std::vector<std::string> kept(dataset.kept.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      const Prediction& prediction = predictions[i];
      for (const double value : prediction.values) {
        if (std::isfinite(value)) continue;
        return NotFinite({dataset.source, dataset.lines[rows[i]]}, "the prediction", model_);
      }
      for (size_t k = 0; k < kept.size(); ++k) kept[k] = dataset.kept[k][rows[i]];
      RETURN_IF_ERROR(output_.Add(kept, prediction, answer.step()));
    }
    return absl::OkStatus();
  }

 private:
  const Predictions& predictions_;
  const std::string model_;
  PredictionOutput& output_;
};

absl::StatusOr<v1::PredictResponse> AskFor(const Dataset& dataset, absl::Span<const int64_t> rows,
                                           const std::string& model, const Context& context) {
  v1::PredictRequest request;
  request.set_model(model);
  SetInputs(dataset, rows, &request);
  return context.client.Predict(request);
}

// Predicts and prints some rows, or those before the one that the server can't answer for, whose
// error it returns.
absl::Status PredictPiece(const Dataset& dataset, absl::Span<const int64_t> rows,
                          const std::string& model, const Context& context,
                          PredictionPrinter* printer) {
  const absl::StatusOr<v1::PredictResponse> answer = AskFor(dataset, rows, model, context);
  if (answer.ok()) return printer->PrintRows(dataset, rows, *answer);
  const auto before = static_cast<size_t>(RowOf(answer.status()).value_or(0));
  if (before > 0 && before < rows.size()) {
    const absl::Span<const int64_t> those = rows.first(before);
    const absl::StatusOr<v1::PredictResponse> sound = AskFor(dataset, those, model, context);
    if (sound.ok()) RETURN_IF_ERROR(printer->PrintRows(dataset, those, *sound));
  }
  return AtItsPlace(answer.status(), dataset, rows, model);
}

absl::Status PredictRows(const Dataset& dataset, const std::string& model, const Context& context,
                         PredictionPrinter* printer) {
  const std::vector<int64_t> all = AllRows(dataset.rows);
  absl::Span<const int64_t> rest = all;
  while (!rest.empty()) {
    const absl::Span<const int64_t> piece = FirstMessage(dataset, rest);
    RETURN_IF_ERROR(PredictPiece(dataset, piece, model, context, printer));
    rest.remove_prefix(piece.size());
  }
  return absl::OkStatus();
}

// What a file holds now, for whoever can't see it.
void PrintOutput(const PredictOptions& options, const PredictionOutput& output, bool json) {
  if (json) {
    PrintJson({{"model", options.name},
               {"step", output.step()},
               {"rows", output.rows()},
               {"file", options.output.path}});
    return;
  }
  Print(absl::StrCat(FormatCount(output.rows()),
                     output.rows() == 1 ? " prediction" : " predictions", " in ",
                     options.output.path, "\n"));
}

absl::StatusOr<ExitCode> Predict(const PredictOptions& options, const Context& context) {
  ASSIGN_OR_RETURN(RowTask task, Begin(options, context, /*with_target=*/false));
  const Predictions predictions(*task.encoding, task.model.network());
  const bool into_file = !options.output.path.empty();
  // A file that is begun is not left behind.
  std::optional<InterruptGuard> guard;
  if (into_file) guard.emplace();
  ASSIGN_OR_RETURN(
      const std::unique_ptr<PredictionOutput> output,
      PredictionOutput::Create(options.output, predictions, task.source->kept(), context.json));
  PredictionPrinter printer(task, output.get(), predictions);
  while (true) {
    if (guard.has_value() && guard->interrupted()) {
      Note("descent: interrupted; nothing was kept");
      return ExitCode::kInterrupted;
    }
    ASSIGN_OR_RETURN(const Dataset rows,
                     task.source->ReadSound(RowsInMessage(task.encoding->features())));
    if (rows.rows == 0) break;
    RETURN_IF_ERROR(PredictRows(rows, options.name, context, &printer));
  }
  RETURN_IF_ERROR(output->Finish());
  if (into_file) PrintOutput(options, *output, context.json);
  NoteAny(task.source->unknown().Text());
  NoteAny(task.source->without_target().Text());
  NoteAny(task.source->UnseenColumns());
  return ExitCode::kOk;
}

absl::Status CheckFinite(double loss, const std::map<std::string, double>& metrics,
                         const RowCommandOptions& options) {
  const Place file{NameOf(options.rows)};
  if (!std::isfinite(loss)) return NotFinite(file, "the loss", options.name);
  for (const auto& [name, value] : metrics) {
    if (!std::isfinite(value)) return NotFinite(file, name, options.name);
  }
  return absl::OkStatus();
}

void PrintEvaluation(const RowCommandOptions& options, const Context& context, const RowTask& task,
                     const v1::EvaluateResponse& answer,
                     const std::map<std::string, double>& metrics) {
  if (context.json) {
    nlohmann::ordered_json json = {{"model", options.name},
                                   {"step", answer.step()},
                                   {"rows", answer.rows()},
                                   {"loss", answer.loss()}};
    for (const auto& [name, value] : metrics) json[name] = value;
    const std::string positive = PositiveClass(task.encoding->target);
    if (!positive.empty()) json["positive"] = positive;
    PrintJson(json);
    return;
  }
  Print(absl::StrCat(options.name, " at step ", FormatCount(answer.step()), " on ",
                     FormatCount(answer.rows()),
                     " rows: ", MetricsText(metrics, task.encoding->target), "  loss ",
                     FormatNumber(answer.loss()), "\n"));
}

absl::StatusOr<ExitCode> Evaluate(const RowCommandOptions& options, const Context& context) {
  ASSIGN_OR_RETURN(RowTask task, Begin(options, context, /*with_target=*/true));
  EvaluatedRows sent;
  RowsFingerprint fingerprint;
  Dataset read;
  std::vector<int64_t> all;        // its rows
  absl::Span<const int64_t> rest;  // those to be sent
  client::BatchSource batches;
  batches.next = [&](v1::Batch& batch) -> absl::StatusOr<bool> {
    if (rest.empty()) {
      ASSIGN_OR_RETURN(read, task.source->Read(RowsInMessage(task.encoding->features())));
      if (read.rows == 0) return false;
      fingerprint = fingerprint + FingerprintOf(read);
      rest = all = AllRows(read.rows);
    }
    const absl::Span<const int64_t> rows = FirstMessage(read, rest);
    rest.remove_prefix(rows.size());
    sent.Add(read, rows);
    batch = MakeBatch(read, rows, task.model.network().loss().kind());
    return true;
  };
  // What can be read again need not be kept for a server that is started again meanwhile.
  if (CanBeReadAgain(options.rows)) {
    batches.rewind = [&]() -> absl::Status {
      sent.Clear();
      fingerprint = {};
      rest = {};
      return task.Open(options.rows, /*with_target=*/true);
    };
  }
  const absl::StatusOr<v1::EvaluateResponse> answer =
      context.client.Evaluate(options.name, batches);
  if (!answer.ok()) {
    return AtItsPlace(answer.status(), sent, options.name);
  }
  const std::map<std::string, double> metrics =
      InOwnUnits(answer->metrics(), task.encoding->target);
  RETURN_IF_ERROR(CheckFinite(answer->loss(), metrics, options));
  PrintEvaluation(options, context, task, *answer, metrics);
  const std::vector<RowsFingerprint>& known = task.encoding->trained_on;
  if (std::find(known.begin(), known.end(), fingerprint) != known.end()) {
    Note(absl::StrCat("note: these are the rows that ", options.name,
                      " was trained with: how it does on rows it has not seen, they don't tell"));
  }
  NoteAny(task.source->unknown().Text());
  NoteAny(task.source->without_target().Text());
  NoteAny(task.source->UnseenColumns());
  return ExitCode::kOk;
}

struct GradientOptions : RowCommandOptions {
  int64_t max_rows = 1000;
  std::vector<std::string> parameters;
  bool values = false;
};

absl::StatusOr<ExitCode> Gradient(const GradientOptions& options, const Context& context) {
  if (options.max_rows < 1) return UsageError("--max-rows must be at least 1");
  ASSIGN_OR_RETURN(RowTask task, Begin(options, context, /*with_target=*/true));
  ASSIGN_OR_RETURN(const Dataset rows, task.source->Read(options.max_rows));

  const std::vector<int64_t> all = AllRows(rows.rows);
  v1::Batch batch = MakeBatch(rows, all, task.model.network().loss().kind());
  v1::GradientRequest request;
  request.set_model(options.name);
  if (batch.has_inputs()) *request.mutable_inputs() = std::move(*batch.mutable_inputs());
  *request.mutable_categories() = std::move(*batch.mutable_categories());
  *request.mutable_targets() = std::move(*batch.mutable_targets());
  *request.mutable_parameters() = {options.parameters.begin(), options.parameters.end()};
  const absl::StatusOr<v1::GradientResponse> computed = context.client.Gradient(request);
  if (!computed.ok()) return AtItsPlace(computed.status(), rows, all, options.name);
  const v1::GradientResponse& answer = *computed;
  RETURN_IF_ERROR(
      CheckFinite(answer.loss(), {{"the gradient's norm", answer.gradient_norm()}}, options));
  if (context.json) {
    nlohmann::ordered_json json = {{"model", options.name},
                                   {"step", answer.step()},
                                   {"rows", rows.rows},
                                   {"loss", answer.loss()},
                                   {"gradient_norm", answer.gradient_norm()}};
    ASSIGN_OR_RETURN(json["gradients"], ParametersJson(answer.gradients(), options.values));
    if (answer.sparse_gradients_size() > 0) {
      ASSIGN_OR_RETURN(json["sparse_gradients"],
                       SparseJson(answer.sparse_gradients(), options.values));
    }
    PrintJson(json);
  } else {
    Print(absl::StrCat(options.name, " at step ", FormatCount(answer.step()), " on ",
                       FormatCount(rows.rows), " rows: loss ", FormatNumber(answer.loss()),
                       ", gradient norm ", FormatNumber(answer.gradient_norm()), "\n"));
    if (answer.gradients_size() > 0 || answer.sparse_gradients_size() == 0) {
      RETURN_IF_ERROR(PrintParameters(answer.gradients(), options.values));
    }
    RETURN_IF_ERROR(PrintSparse(answer.sparse_gradients(), options.values));
  }
  NoteAny(task.source->unknown().Text());
  NoteAny(task.source->without_target().Text());
  NoteAny(task.source->UnseenColumns());
  return ExitCode::kOk;
}

// The part that the three have in common.
template <typename Options>
CLI::App* AddRowCommand(CLI::App* app, const char* name, const char* description,
                        absl::StatusOr<ExitCode> (*run)(const Options&, const Context&),
                        const std::shared_ptr<Options>& options, Command* chosen) {
  CLI::App* command = app->add_subcommand(name, description);
  command->add_option("NAME", options->name, "The model's name")->option_text(" ")->required();
  AddRowOptions(command, &options->rows);
  command->callback([options, run, chosen] {
    *chosen = [options, run](const Context& context) { return run(*options, context); };
  });
  return command;
}

}  // namespace

void AddPredictCommand(CLI::App* app, Command* chosen) {
  auto options = std::make_shared<PredictOptions>();
  CLI::App* command = AddRowCommand(
      app, "predict", "Predict rows: CSV with numbers in the target's unit, or classes", Predict,
      options, chosen);
  command
      ->add_option("--keep", options->rows.keep,
                   "A column of the rows to print before their predictions, as it is, by name or "
                   "number from 1; repeatable")
      ->option_text("COLUMN")
      ->allow_extra_args(false);
  AddOutputOptions(command, &options->output);
}

void AddEvaluateCommand(CLI::App* app, Command* chosen) {
  auto options = std::make_shared<RowCommandOptions>();
  AddRowCommand(app, "evaluate", "Compare predictions with what the rows say: loss and metrics",
                Evaluate, options, chosen);
}

void AddGradientCommand(CLI::App* app, Command* chosen) {
  auto options = std::make_shared<GradientOptions>();
  CLI::App* command =
      AddRowCommand(app, "gradient", "The gradient of the loss over rows, which changes nothing",
                    Gradient, options, chosen);
  command->add_option("--max-rows", options->max_rows, "Take at most so many rows (default 1000)")
      ->option_text("N");
  command
      ->add_option("--parameter", options->parameters,
                   "Of this parameter, such as layers.0.kernel; repeatable (default: of all)")
      ->option_text("NAME")
      ->allow_extra_args(false);
  command->add_flag("--values", options->values, "Print every element, not only norms");
}

}  // namespace descent::cli
