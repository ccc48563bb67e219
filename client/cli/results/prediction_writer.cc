#include "client/cli/results/prediction_writer.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "client/cli/results/npy_writer.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

class DelimitedWriter final : public PredictionWriter {
 public:
  DelimitedWriter(char delimiter, const Predictions& predictions, std::vector<std::string> kept,
                  Sink sink)
      : delimiter_(delimiter),
        predictions_(predictions),
        kept_(std::move(kept)),
        sink_(std::move(sink)) {}

  absl::Status Begin() override { return Write(kept_, predictions_.Names()); }

  absl::Status Add(const std::vector<std::string>& kept, const Prediction& prediction) override {
    return Write(kept, predictions_.Fields(prediction));
  }

  absl::Status End() override { return absl::OkStatus(); }

 private:
  absl::Status Write(const std::vector<std::string>& kept, const std::vector<std::string>& fields) {
    std::string record;
    const absl::string_view between(&delimiter_, 1);
    for (const std::string& cell : kept) {
      absl::StrAppend(&record, CsvField(cell, delimiter_), between);
    }
    for (size_t i = 0; i < fields.size(); ++i) {
      absl::StrAppend(&record, i == 0 ? "" : between, CsvField(fields[i], delimiter_));
    }
    record += '\n';
    return sink_(record);
  }

  const char delimiter_;
  const Predictions& predictions_;
  const std::vector<std::string> kept_;
  const Sink sink_;
};

class JsonLinesWriter final : public PredictionWriter {
 public:
  JsonLinesWriter(const Predictions& predictions, std::vector<std::string> kept, Sink sink)
      : kept_(std::move(kept)), names_(predictions.Names()), sink_(std::move(sink)) {
    for (std::string& name : names_) {
      while (absl::c_linear_search(kept_, name)) name = absl::StrCat("predicted ", name);
    }
  }

  absl::Status Begin() override { return absl::OkStatus(); }

  absl::Status Add(const std::vector<std::string>& kept, const Prediction& prediction) override {
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    for (size_t i = 0; i < kept_.size(); ++i) json[kept_[i]] = kept[i];
    size_t name = 0;
    if (names_.size() > prediction.values.size()) json[names_[name++]] = prediction.label;
    for (const double value : prediction.values) json[names_[name++]] = value;
    constexpr auto kReplace = nlohmann::ordered_json::error_handler_t::replace;
    return sink_(absl::StrCat(json.dump(-1, ' ', false, kReplace), "\n"));
  }

  absl::Status End() override { return absl::OkStatus(); }

 private:
  const std::vector<std::string> kept_;
  std::vector<std::string> names_;
  const Sink sink_;
};

class ArrayWriter final : public PredictionWriter {
 public:
  explicit ArrayWriter(NpyWriter writer) : writer_(std::move(writer)) {}

  absl::Status Begin() override { return writer_.Begin(); }
  absl::Status Add(const std::vector<std::string>& /*kept*/,
                   const Prediction& prediction) override {
    return writer_.Add(prediction.label, prediction.values);
  }
  absl::Status End() override { return writer_.End(); }

 private:
  NpyWriter writer_;
};

}  // namespace

std::unique_ptr<PredictionWriter> PredictionWriter::Text(ResultFormat format,
                                                         const Predictions& predictions,
                                                         std::vector<std::string> kept, Sink sink) {
  if (format == ResultFormat::kJsonLines) {
    return std::make_unique<JsonLinesWriter>(predictions, std::move(kept), std::move(sink));
  }
  const char delimiter = format == ResultFormat::kTsv ? '\t' : ',';
  return std::make_unique<DelimitedWriter>(delimiter, predictions, std::move(kept),
                                           std::move(sink));
}

absl::StatusOr<std::unique_ptr<PredictionWriter>> PredictionWriter::Array(
    const Predictions& predictions, const std::vector<std::string>& kept, OutputFile* file) {
  if (!kept.empty()) {
    return UsageError("--keep: an array has no room for texts of any length; write CSV or jsonl");
  }
  if (!file->can_overwrite()) {
    return UsageError(
        "--output: an array says first how many rows it has, so it goes to a file that can be gone "
        "back to, and into no pipe");
  }
  NpyWriter writer(predictions.classes(), predictions.Names(), file);
  if (!writer.is_readable()) {
    return UsageError(
        "--output: NumPy reads no array with so many names of classes; write CSV or jsonl");
  }
  return std::make_unique<ArrayWriter>(std::move(writer));
}

}  // namespace descent::cli
