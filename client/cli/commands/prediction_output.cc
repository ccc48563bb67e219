#include "client/cli/commands/prediction_output.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/display/output.h"
#include "client/cli/failure.h"
#include "client/cli/results/result_format.h"
#include "client/cli/status_macros.h"

namespace descent::cli {

void AddOutputOptions(CLI::App* command, OutputOptions* options) {
  constexpr char kGroup[] = "Output";
  command
      ->add_option("--output", options->path,
                   "Write the predictions into this file, by its ending: .csv, .tsv, .jsonl (or "
                   ".ndjson), each with .gz or .zst behind it too, or .npy. It is there when all "
                   "rows are in it, and replaces one that was there")
      ->option_text("FILE")
      ->group(kGroup);
  command
      ->add_option("--output-format", options->format,
                   absl::StrCat("The format of the predictions, whatever the file is called: ",
                                absl::StrJoin(ResultFormatNames(), ", "),
                                " (default: by the ending; on standard output csv)"))
      ->option_text("FORMAT")
      ->check(CLI::IsMember(ResultFormatNames()))
      ->group(kGroup);
}

absl::StatusOr<std::unique_ptr<PredictionOutput>> PredictionOutput::Create(
    const OutputOptions& options, const Predictions& predictions, std::vector<std::string> kept,
    bool json) {
  std::unique_ptr<PredictionOutput> output(new PredictionOutput(predictions, std::move(kept)));
  if (options.path.empty() && json) {
    if (options.format.empty()) return output;
    return UsageError("--json and --output-format: standard output takes one of them");
  }
  RETURN_IF_ERROR(output->Open(options));
  RETURN_IF_ERROR(output->writer_->Begin());
  return output;
}

absl::Status PredictionOutput::Open(const OutputOptions& options) {
  if (options.path.empty()) {
    ASSIGN_OR_RETURN(const ResultEncoding encoding,
                     ResultEncodingOf("", options.format.empty() ? "csv" : options.format));
    if (encoding.format == ResultFormat::kNpy) {
      return UsageError("--output-format npy goes with --output: it is written to a file");
    }
    const auto print = [](absl::string_view bytes) {
      Print(bytes);
      return absl::OkStatus();
    };
    writer_ = PredictionWriter::Text(encoding.format, predictions_, kept_, print);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const ResultEncoding encoding, ResultEncodingOf(options.path, options.format));
  ASSIGN_OR_RETURN(file_, OutputFile::Create(options.path, encoding.compression));
  if (encoding.format == ResultFormat::kNpy) {
    ASSIGN_OR_RETURN(writer_, PredictionWriter::Array(predictions_, kept_, file_.get()));
    return absl::OkStatus();
  }
  const auto append = [file = file_.get()](absl::string_view bytes) { return file->Append(bytes); };
  writer_ = PredictionWriter::Text(encoding.format, predictions_, kept_, append);
  return absl::OkStatus();
}

absl::Status PredictionOutput::Add(const std::vector<std::string>& kept,
                                   const Prediction& prediction, int64_t step) {
  ++rows_;
  step_ = step;
  if (writer_ != nullptr) return writer_->Add(kept, prediction);
  nlohmann::ordered_json json = predictions_.Json(rows_, prediction);
  json["step"] = step;
  for (size_t i = 0; i < kept_.size(); ++i) json["kept"][kept_[i]] = kept[i];
  PrintJson(json);
  return absl::OkStatus();
}

absl::Status PredictionOutput::Finish() {
  if (writer_ != nullptr) RETURN_IF_ERROR(writer_->End());
  return file_ != nullptr ? file_->Commit() : absl::OkStatus();
}

}  // namespace descent::cli
