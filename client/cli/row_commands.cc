// predict, evaluate, gradient: what a model makes of rows.

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/batches.h"
#include "client/cli/command.h"
#include "client/cli/format.h"
#include "client/cli/model_data.h"
#include "client/cli/output.h"
#include "client/cli/parameters.h"
#include "client/cli/predictions.h"
#include "client/cli/row_source.h"
#include "client/cli/status_macros.h"
#include "client/descent/tensor.h"

namespace descent::cli {
namespace {

struct RowCommandOptions {
  std::string name;
  RowOptions rows;
};

absl::StatusOr<ExitCode> Predict(const RowCommandOptions& options, const Context& context) {
  ASSIGN_OR_RETURN(const v1::Model model, context.client.GetModel(options.name));
  ASSIGN_OR_RETURN(const Encoding encoding, EncodingOf(model));
  ASSIGN_OR_RETURN(RowSource source,
                   RowSource::Open(options.rows, encoding, TermsOf(model.network()),
                                   /*with_target=*/false));
  const Predictions predictions(encoding, model.network());
  if (!context.json) Print(absl::StrCat(predictions.CsvHeader(), "\n"));
  int64_t row = 0;
  while (true) {
    ASSIGN_OR_RETURN(const Dataset rows, source.Read(RowsInMessage(encoding.features())));
    if (rows.rows == 0) break;
    ASSIGN_OR_RETURN(const v1::PredictResponse answer,
                     context.client.Predict(options.name, GatherInputs(rows, AllRows(rows.rows))));
    ASSIGN_OR_RETURN(const std::vector<double> outputs,
                     client::TensorValues<double>(answer.outputs()));
    const size_t width = outputs.size() / rows.rows;
    for (size_t first = 0; first < outputs.size(); first += width) {
      const Prediction prediction =
          predictions.Decode(absl::MakeConstSpan(outputs).subspan(first, width));
      ++row;
      if (context.json) {
        nlohmann::ordered_json json = predictions.Json(row, prediction);
        json["step"] = answer.step();
        PrintJson(json);
      } else {
        Print(absl::StrCat(predictions.CsvRecord(prediction), "\n"));
      }
    }
  }
  NoteUnknown(source.unknown());
  NoteWithoutTarget(source.without_target());
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> Evaluate(const RowCommandOptions& options, const Context& context) {
  ASSIGN_OR_RETURN(const v1::Model model, context.client.GetModel(options.name));
  ASSIGN_OR_RETURN(const Encoding encoding, EncodingOf(model));
  ASSIGN_OR_RETURN(RowSource source,
                   RowSource::Open(options.rows, encoding, TermsOf(model.network()),
                                   /*with_target=*/true));
  client::BatchSource batches;
  batches.next = [&](v1::Batch& batch) -> absl::StatusOr<bool> {
    ASSIGN_OR_RETURN(const Dataset rows, source.Read(RowsInMessage(encoding.features())));
    if (rows.rows == 0) return false;
    batch = MakeBatch(rows, AllRows(rows.rows), model.network().loss().kind());
    return true;
  };
  // What can be read again need not be kept for a server that is started again meanwhile.
  if (CanBeReadAgain(options.rows)) {
    batches.rewind = [&]() -> absl::Status {
      ASSIGN_OR_RETURN(source, RowSource::Open(options.rows, encoding, TermsOf(model.network()),
                                               /*with_target=*/true));
      return absl::OkStatus();
    };
  }
  ASSIGN_OR_RETURN(const v1::EvaluateResponse answer,
                   context.client.Evaluate(options.name, batches));
  const std::map<std::string, double> metrics = InOwnUnits(answer.metrics(), encoding.target);
  if (context.json) {
    nlohmann::ordered_json json = {{"model", options.name},
                                   {"step", answer.step()},
                                   {"rows", answer.rows()},
                                   {"loss", answer.loss()}};
    for (const auto& [name, value] : metrics) json[name] = value;
    const std::string positive = PositiveClass(encoding.target);
    if (!positive.empty()) json["positive"] = positive;
    PrintJson(json);
  } else {
    Print(absl::StrCat(options.name, " at step ", FormatCount(answer.step()), " on ",
                       FormatCount(answer.rows()), " rows: ", MetricsText(metrics, encoding.target),
                       "  loss ", FormatNumber(answer.loss()), "\n"));
  }
  NoteUnknown(source.unknown());
  NoteWithoutTarget(source.without_target());
  return ExitCode::kOk;
}

struct GradientOptions : RowCommandOptions {
  int64_t max_rows = 1000;
  std::vector<std::string> parameters;
  bool values = false;
};

absl::StatusOr<ExitCode> Gradient(const GradientOptions& options, const Context& context) {
  if (options.max_rows < 1) return UsageError("--max-rows must be at least 1");
  ASSIGN_OR_RETURN(const v1::Model model, context.client.GetModel(options.name));
  ASSIGN_OR_RETURN(const Encoding encoding, EncodingOf(model));
  ASSIGN_OR_RETURN(RowSource source,
                   RowSource::Open(options.rows, encoding, TermsOf(model.network()),
                                   /*with_target=*/true));
  ASSIGN_OR_RETURN(const Dataset rows, source.Read(options.max_rows));

  v1::Batch batch = MakeBatch(rows, AllRows(rows.rows), model.network().loss().kind());
  v1::GradientRequest request;
  request.set_model(options.name);
  *request.mutable_inputs() = std::move(*batch.mutable_inputs());
  *request.mutable_targets() = std::move(*batch.mutable_targets());
  *request.mutable_parameters() = {options.parameters.begin(), options.parameters.end()};
  ASSIGN_OR_RETURN(const v1::GradientResponse answer, context.client.Gradient(request));
  if (context.json) {
    nlohmann::ordered_json json = {{"model", options.name},
                                   {"step", answer.step()},
                                   {"rows", rows.rows},
                                   {"loss", answer.loss()},
                                   {"gradient_norm", answer.gradient_norm()}};
    ASSIGN_OR_RETURN(json["gradients"], ParametersJson(answer.gradients(), options.values));
    PrintJson(json);
  } else {
    Print(absl::StrCat(options.name, " at step ", FormatCount(answer.step()), " on ",
                       FormatCount(rows.rows), " rows: loss ", FormatNumber(answer.loss()),
                       ", gradient norm ", FormatNumber(answer.gradient_norm()), "\n"));
    RETURN_IF_ERROR(PrintParameters(answer.gradients(), options.values));
  }
  NoteUnknown(source.unknown());
  NoteWithoutTarget(source.without_target());
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
  auto options = std::make_shared<RowCommandOptions>();
  AddRowCommand(app, "predict", "Predict rows: CSV with numbers in the target's unit, or classes",
                Predict, options, chosen);
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
