#include "client/cli/training/training_data.h"

#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/encoding/batches.h"
#include "client/cli/encoding/fingerprint.h"
#include "client/cli/encoding/known_file.h"
#include "client/cli/encoding/training_notes.h"
#include "client/cli/failure.h"
#include "client/cli/specs.h"
#include "client/cli/status_macros.h"
#include "client/cli/tables/generators.h"
#include "client/cli/tables/new_table.h"
#include "client/cli/tables/random.h"
#include "client/cli/tables/table_reader.h"
#include "client/cli/training/known_columns.h"
#include "client/cli/training/target_choice.h"

namespace descent::cli {
namespace {

constexpr int64_t kDefaultGeneratedRows = 10000;

TargetForm FormFor(v1::LossKind loss) {
  if (IsClassLoss(loss)) return TargetForm::kClass;
  return loss == v1::LOSS_KIND_POISSON ? TargetForm::kUnscaled : TargetForm::kStandardized;
}

int64_t GeneratedTrainingRows(const DataOptions& options) {
  return options.rows.value_or(kDefaultGeneratedRows);
}

absl::StatusOr<Table> GenerateTable(const DataOptions& options) {
  const int64_t training_rows = GeneratedTrainingRows(options);
  if (training_rows < 1) return UsageError("--rows must be at least 1");
  const double all_rows = static_cast<double>(training_rows) / (1 - options.test_fraction);
  return Generate(options.generator,
                  {.rows = std::llround(all_rows), .noise = options.noise, .seed = options.seed});
}

// Takes a target of numbers that look like classes for classes.
void ChooseTarget(NewTable* read) {
  Column& target = *read->table.target;
  if (target.schema.kind != ColumnKind::kNumber) return;
  const TargetLook look = LookOf(target.numbers);
  std::string note = NoteOf(look, target.schema.name, FewDistinct(target.numbers));
  if (!note.empty()) read->notes.push_back(std::move(note));
  if (look == TargetLook::kClasses) NumbersToCategories(&target);
}

absl::StatusOr<NewTable> ReadData(const DataOptions& options) {
  if (!options.generator.empty()) {
    NewTable result;
    ASSIGN_OR_RETURN(result.table, GenerateTable(options));
    result.fields = static_cast<int64_t>(result.table.inputs.size()) + 1;
    return result;
  }
  NewTableOptions file{options.csv,         options.target,   options.ignored,
                       options.categorical, options.embedded, options.file};
  if (options.loss.has_value()) {
    file.target_kind =
        IsClassLoss(options.loss->kind()) ? ColumnKind::kCategory : ColumnKind::kNumber;
  }
  ASSIGN_OR_RETURN(NewTable result, ReadNewTable(file));
  if (!options.loss.has_value()) ChooseTarget(&result);
  return result;
}

// All rows of a file, as the encoding says.
absl::StatusOr<Table> ReadKnownTable(KnownFile file, const Encoding& encoding) {
  ASSIGN_OR_RETURN(TableReader reader, RowsOf(std::move(file), encoding, /*with_target=*/true));
  ASSIGN_OR_RETURN(Table table, reader.Read(std::numeric_limits<int64_t>::max()));
  RETURN_IF_ERROR(table.CheckRows());
  return table;
}

Split SplitFor(const DataOptions& options, const Table& table) {
  const int64_t rows = table.rows();
  if (!options.csv.empty()) {
    const double test_fraction = options.test_csv.empty() ? options.test_fraction : 0;
    return table.target->schema.kind == ColumnKind::kCategory
               ? SplitByClass(table.target->codes, test_fraction, options.seed)
               : SplitRows(rows, test_fraction, options.seed);
  }
  // Generated rows are independent of each other: the last ones are as good for testing as any.
  Split split;
  split.training = AllRows(GeneratedTrainingRows(options));
  for (int64_t row = GeneratedTrainingRows(options); row < rows; ++row) split.test.push_back(row);
  return split;
}

void AddNote(const RowsWithoutTarget& without_target, std::vector<std::string>* notes) {
  if (without_target.rows > 0) notes->push_back(without_target.Text());
}

void AddNote(const std::vector<std::string>& unseen, std::vector<std::string>* notes) {
  if (!unseen.empty()) notes->push_back(UnseenText(unseen));
}

// Encodes the table, and the test file if there is one.
absl::Status EncodeData(const DataOptions& options, Table table, Split split,
                        const NumberTerms& terms, TrainingData* data) {
  AddNote(table.without_target, &data->notes);
  AddNote(table.unseen, &data->notes);
  ASSIGN_OR_RETURN(data->dataset, Encode(data->encoding, std::move(table), terms, &data->unknown));
  data->training_rows = std::move(split.training);
  data->test_rows = std::move(split.test);
  if (options.test_csv.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(KnownFile file, OpenKnown(options.test_csv, options.file, data->encoding));
  ASSIGN_OR_RETURN(Table test, ReadKnownTable(std::move(file), data->encoding));
  AddNote(test.without_target, &data->notes);
  AddNote(test.unseen, &data->notes);
  ASSIGN_OR_RETURN(data->test_dataset,
                   Encode(data->encoding, std::move(test), terms, &data->unknown));
  data->test_rows = AllRows(data->test_dataset->rows);
  return absl::OkStatus();
}

// Sets the loss and the number of outputs that suit the target.
absl::Status ChooseLoss(const DataOptions& options, const Column& target, TrainingData* data) {
  if (options.loss.has_value()) {
    data->loss = *options.loss;
  } else {
    data->loss.set_kind(DefaultLoss(target));
  }
  const bool classes = IsClassLoss(data->loss.kind());
  const auto distinct = static_cast<int64_t>(target.categories.size());
  if (classes != (target.schema.kind == ColumnKind::kCategory)) {
    return UsageError(absl::StrCat("--loss: ", NameOf(data->loss.kind()), " does not suit ",
                                   target.schema.name, ", which holds ",
                                   classes ? "numbers" : "classes"));
  }
  if (data->loss.kind() == v1::LOSS_KIND_BINARY_CROSS_ENTROPY && distinct > 2) {
    return UsageError(absl::StrCat("--loss: binary_cross_entropy tells two classes apart, and ",
                                   target.schema.name, " has ", distinct,
                                   "; use softmax_cross_entropy"));
  }
  data->outputs = data->loss.kind() == v1::LOSS_KIND_SOFTMAX_CROSS_ENTROPY ? distinct : 1;
  return absl::OkStatus();
}

// The generated table if it has the encoding's columns.
absl::StatusOr<Table> GenerateKnownTable(const DataOptions& options, const Encoding& encoding) {
  ASSIGN_OR_RETURN(Table table, GenerateTable(options));
  bool same = table.inputs.size() == encoding.inputs.size() &&
              (table.target->schema.kind == ColumnKind::kCategory) ==
                  (encoding.target.classes() != nullptr);
  for (size_t i = 0; same && i < table.inputs.size(); ++i) {
    same = std::holds_alternative<NumberEncoding>(encoding.inputs[i].values) &&
           (!encoding.named || encoding.inputs[i].name == table.inputs[i].schema.name);
  }
  if (!same) return DataError({options.generator}, "the model was trained on other columns");
  return table;
}

// The encoding of a model that has none, for a file whose target stands somewhere: of the columns
// nothing is known but their places.
absl::StatusOr<Encoding> PlainEncodingFor(const DataOptions& options, const RecordReader& reader,
                                          const Encoding& encoding) {
  ASSIGN_OR_RETURN(const size_t target, FindColumn(reader.columns(), options.target, "--target"));
  const std::vector<std::string>* classes = encoding.target.classes();
  return PlainEncoding(encoding.features(),
                       classes == nullptr ? 0 : static_cast<int64_t>(classes->size()),
                       static_cast<int64_t>(target));
}

// Reads the file for a model that is there, and completes what is known of its encoding.
absl::StatusOr<Table> ReadFor(const DataOptions& options, bool has_encoding, Encoding* encoding) {
  ASSIGN_OR_RETURN(KnownFile file, OpenKnown(options.csv, options.file, *encoding));
  if (has_encoding) RETURN_IF_ERROR(CheckKnownColumns(options, *encoding, file));
  if (!has_encoding && !options.target.empty()) {
    ASSIGN_OR_RETURN(*encoding, PlainEncodingFor(options, *file.reader, *encoding));
  }
  return ReadKnownTable(std::move(file), *encoding);
}

}  // namespace

absl::StatusOr<TrainingData> PrepareNewData(const DataOptions& options) {
  RETURN_IF_ERROR(CheckDataOptions(options));
  ASSIGN_OR_RETURN(NewTable read, ReadData(options));
  TrainingData data;
  RETURN_IF_ERROR(ChooseLoss(options, *read.table.target, &data));
  Split split = SplitFor(options, read.table);
  ASSIGN_OR_RETURN(data.encoding,
                   FitEncoding(read.table, split.training, FormFor(data.loss.kind())));
  if (!options.positive.empty()) {
    RETURN_IF_ERROR(SetPositive(options.positive, &data.encoding.target));
  }
  data.notes = std::move(read.notes);
  AddNotes(read.table, split.training, data.encoding, &data.notes);
  data.encoding.csv = read.csv;
  data.encoding.named = read.csv.header;
  data.encoding.fields = read.fields;
  RETURN_IF_ERROR(EncodeData(options, std::move(read.table), std::move(split),
                             TermsOf(data.loss.kind(), options.float64), &data));
  data.encoding.trained_on = {FingerprintOf(data.dataset)};
  return data;
}

absl::StatusOr<TrainingData> PrepareData(const DataOptions& options, const v1::Model& model) {
  RETURN_IF_ERROR(CheckDataOptions(options));
  TrainingData data;
  data.loss = model.network().loss();
  data.outputs = OutputsOf(model.network());
  ASSIGN_OR_RETURN(data.encoding, EncodingOf(model));
  if (!HasEncoding(model)) RETURN_IF_ERROR(CheckPlainColumns(options));
  absl::StatusOr<Table> table = options.csv.empty()
                                    ? GenerateKnownTable(options, data.encoding)
                                    : ReadFor(options, HasEncoding(model), &data.encoding);
  RETURN_IF_ERROR(table.status());
  Split split = SplitFor(options, *table);
  RETURN_IF_ERROR(
      EncodeData(options, *std::move(table), std::move(split), TermsOf(model.network()), &data));
  return data;
}

}  // namespace descent::cli
