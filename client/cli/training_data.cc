#include "client/cli/training_data.h"

#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/batches.h"
#include "client/cli/failure.h"
#include "client/cli/generators.h"
#include "client/cli/random.h"
#include "client/cli/specs.h"
#include "client/cli/status_macros.h"
#include "client/cli/table_reader.h"
#include "client/cli/target_choice.h"
#include "client/cli/training_notes.h"

namespace descent::cli {
namespace {

constexpr int64_t kDefaultGeneratedRows = 10000;

absl::Status CheckOptions(const DataOptions& options) {
  if (!(options.test_fraction >= 0 && options.test_fraction < 1)) {
    return UsageError("--test-fraction must be at least 0 and below 1");
  }
  if (options.csv.empty() &&
      (!options.target.empty() || !options.ignored.empty() || !options.test_csv.empty() ||
       !options.positive.empty() || options.file.header.has_value() ||
       options.file.delimiter.has_value())) {
    return UsageError(
        "--target, --ignore, --positive, --test-csv and the format go with --csv alone");
  }
  if (options.generator.empty() && (options.rows.has_value() || options.noise.has_value())) {
    return UsageError("--rows and --noise go with --generate alone");
  }
  return absl::OkStatus();
}

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

// Takes the target and what is to be ignored out of a file's columns.
absl::StatusOr<TableSchema> DivideColumns(const DataOptions& options,
                                          const std::vector<ColumnSchema>& columns) {
  size_t target = columns.size() - 1;
  if (!options.target.empty()) {
    ASSIGN_OR_RETURN(target, FindColumn(columns, options.target, "--target"));
  }
  std::vector<bool> used(columns.size(), true);
  used[target] = false;
  for (const std::string& name : options.ignored) {
    ASSIGN_OR_RETURN(const size_t column, FindColumn(columns, name, "--ignore"));
    if (column == target) return UsageError("--ignore: the target can't be left out");
    used[column] = false;
  }
  TableSchema schema;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (used[i]) schema.inputs.push_back(columns[i]);
  }
  if (schema.inputs.empty()) return UsageError("no column is left to learn from");
  schema.target = columns[target];
  return schema;
}

struct NewTable {
  Table table;
  std::vector<std::string> notes;
  CsvOptions csv;
  int64_t fields = 0;
};

// Takes a target of numbers that look like classes for classes.
void ChooseTarget(NewTable* read) {
  Column& target = *read->table.target;
  if (target.schema.kind != ColumnKind::kNumber) return;
  const TargetLook look = LookOf(target.numbers);
  std::string note = NoteOf(look, target.schema.name, FewDistinct(target.numbers));
  if (!note.empty()) read->notes.push_back(std::move(note));
  if (look == TargetLook::kClasses) NumbersToCategories(&target);
}

absl::StatusOr<NewTable> ReadNewTable(const DataOptions& options) {
  NewTable result;
  if (!options.generator.empty()) {
    ASSIGN_OR_RETURN(result.table, GenerateTable(options));
    result.fields = static_cast<int64_t>(result.table.inputs.size()) + 1;
    return result;
  }
  result.csv = {options.file.header.value_or(true), options.file.delimiter.value_or(',')};
  ASSIGN_OR_RETURN(const std::vector<ColumnSchema> columns, InferColumns(options.csv, result.csv));
  result.fields = static_cast<int64_t>(columns.size());
  ASSIGN_OR_RETURN(TableSchema schema, DivideColumns(options, columns));
  if (options.loss.has_value()) {
    schema.target->kind =
        IsClassLoss(options.loss->kind()) ? ColumnKind::kCategory : ColumnKind::kNumber;
  }
  ASSIGN_OR_RETURN(result.table, ReadTable(options.csv, result.csv, schema));
  if (!options.loss.has_value()) ChooseTarget(&result);
  return result;
}

// A file read and encoded as the encoding says.
absl::StatusOr<Table> ReadKnownTable(const std::string& path, const FileOptions& file,
                                     const Encoding& encoding) {
  const CsvOptions csv = CsvOptionsFor(file, encoding);
  ASSIGN_OR_RETURN(CsvReader reader, CsvReader::Open(path, csv));
  ASSIGN_OR_RETURN(TableSchema schema,
                   SchemaFor(encoding, reader, csv.header, /*with_target=*/true));
  TableReader table_reader(std::move(reader), std::move(schema));
  ASSIGN_OR_RETURN(Table table, table_reader.Read(std::numeric_limits<int64_t>::max()));
  if (table.rows() == 0) return DataError({path}, "the file holds no rows but its header");
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

// Encodes the table, and the test file if there is one.
absl::Status EncodeData(const DataOptions& options, Table table, Split split,
                        const NumberTerms& terms, TrainingData* data) {
  ASSIGN_OR_RETURN(data->dataset, Encode(data->encoding, std::move(table), terms, &data->unknown));
  data->training_rows = std::move(split.training);
  data->test_rows = std::move(split.test);
  if (options.test_csv.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(Table test, ReadKnownTable(options.test_csv, options.file, data->encoding));
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

// The encoding of a model that has none: of the given columns, nothing is known but their places.
absl::StatusOr<Encoding> PlainEncodingFor(const DataOptions& options, const v1::Model& model) {
  ASSIGN_OR_RETURN(const Encoding encoding, EncodingOf(model));
  if (options.csv.empty() || options.target.empty()) return encoding;
  ASSIGN_OR_RETURN(const std::vector<ColumnSchema> columns,
                   InferColumns(options.csv, CsvOptionsFor(options.file, encoding)));
  ASSIGN_OR_RETURN(const size_t target, FindColumn(columns, options.target, "--target"));
  const std::vector<std::string>* classes = encoding.target.classes();
  return PlainEncoding(encoding.features(),
                       classes == nullptr ? 0 : static_cast<int64_t>(classes->size()),
                       static_cast<int64_t>(target));
}

// Whether the options say of the columns what the encoding says.
absl::Status CheckColumns(const DataOptions& options, const Encoding& encoding) {
  const bool same_target = options.target.empty() || options.target == encoding.target.name ||
                           options.target == absl::StrCat(encoding.target.field + 1);
  if (!same_target) {
    return UsageError(absl::StrCat("--target: the model is there already, and its target is ",
                                   encoding.target.name));
  }
  const std::string& positive = options.positive;
  if (!positive.empty() && positive != PositiveClass(encoding.target)) {
    return UsageError(
        absl::StrCat("--positive: the model is there already, and ",
                     PositiveClass(encoding.target).empty()
                         ? "has no two classes"
                         : absl::StrCat("its positive class is ", PositiveClass(encoding.target))));
  }
  for (const InputEncoding& input : encoding.inputs) {
    for (const std::string& ignored : options.ignored) {
      if (ignored != input.name) continue;
      return UsageError(absl::StrCat("--ignore: the model is there already, and needs ", ignored));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TrainingData> PrepareNewData(const DataOptions& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  ASSIGN_OR_RETURN(NewTable read, ReadNewTable(options));
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
  return data;
}

absl::StatusOr<TrainingData> PrepareData(const DataOptions& options, const v1::Model& model) {
  RETURN_IF_ERROR(CheckOptions(options));
  TrainingData data;
  data.loss = model.network().loss();
  data.outputs = OutputsOf(model.network());
  if (HasEncoding(model)) {
    ASSIGN_OR_RETURN(data.encoding, EncodingOf(model));
    RETURN_IF_ERROR(CheckColumns(options, data.encoding));
  } else {
    ASSIGN_OR_RETURN(data.encoding, PlainEncodingFor(options, model));
  }
  absl::StatusOr<Table> table = options.csv.empty()
                                    ? GenerateKnownTable(options, data.encoding)
                                    : ReadKnownTable(options.csv, options.file, data.encoding);
  RETURN_IF_ERROR(table.status());
  Split split = SplitFor(options, *table);
  RETURN_IF_ERROR(
      EncodeData(options, *std::move(table), std::move(split), TermsOf(model.network()), &data));
  return data;
}

}  // namespace descent::cli
