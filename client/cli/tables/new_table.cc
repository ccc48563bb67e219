#include "client/cli/tables/new_table.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "client/cli/format.h"
#include "client/cli/status_macros.h"
#include "client/cli/tables/embed_option.h"
#include "client/cli/tables/record_files.h"
#include "client/cli/tables/table_reader.h"
#include "client/cli/text/layout.h"

namespace descent::cli {
namespace {

std::vector<std::string> NamesOf(const std::vector<InferredColumn>& columns) {
  std::vector<std::string> names;
  names.reserve(columns.size());
  for (const InferredColumn& column : columns) names.push_back(column.schema.name);
  return names;
}

// A number that is also the name of another column is taken for the name.
void NoteNumberAsName(const std::vector<std::string>& names, absl::string_view wanted, size_t found,
                      absl::string_view option, std::vector<std::string>* notes) {
  size_t number = 0;
  if (!absl::SimpleAtoi(wanted, &number) || number < 1 || number > names.size()) return;
  if (number == found + 1) return;
  notes->push_back(absl::StrCat(option, " ", wanted, ": the column of that name, which is the ",
                                found + 1, "th; the ", number, "th is called ",
                                Shortened(names[number - 1])));
}

// Which columns are what.
class Division {
 public:
  Division(const NewTableOptions& options, InferredFile* file)
      : options_(options), file_(*file), names_(NamesOf(file->columns)) {}

  absl::StatusOr<TableSchema> Divide() {
    target_ = LastColumn();
    if (!options_.target.empty()) {
      ASSIGN_OR_RETURN(target_, Find(options_.target, "--target"));
    }
    RETURN_IF_ERROR(TakeCategorical());
    RETURN_IF_ERROR(LeaveOut());
    RETURN_IF_ERROR(Embed());
    TableSchema schema;
    for (size_t i = 0; i < names_.size(); ++i) {
      if (!used_[i]) continue;
      RETURN_IF_ERROR(file_.columns[i].problem);
      AddInput(file_.columns[i], &schema);
    }
    if (schema.inputs.empty()) return NoInputs();
    ASSIGN_OR_RETURN(schema.target, Target());
    return schema;
  }

 private:
  // The last column, save where every line ends in a delimiter, behind which is an empty one that
  // has no name but its number.
  size_t LastColumn() const {
    size_t last = names_.size() - 1;
    while (last > 0 && file_.columns[last].is_empty && names_[last] == absl::StrCat(last + 1)) {
      --last;
    }
    return last;
  }

  absl::Status NoInputs() const {
    if (names_.size() > 1) return UsageError("no column is left to learn from");
    return UsageError(absl::StrCat(
        "no column is left to learn from: the records have one field, for ",
        NameOfDelimiter(file_.csv.delimiter),
        " stands in none; --delimiter says what stands between fields, such as space"));
  }

  absl::StatusOr<size_t> Find(const std::string& name, absl::string_view option) {
    ASSIGN_OR_RETURN(const size_t column, FindColumn(names_, name, option));
    if (file_.csv.header && names_[column] == name) {
      NoteNumberAsName(names_, name, column, option, &file_.notes);
    }
    return column;
  }

  absl::Status TakeCategorical() {
    categorical_.assign(names_.size(), false);
    for (const std::string& name : options_.categorical) {
      ASSIGN_OR_RETURN(const size_t index, Find(name, "--categorical"));
      categorical_[index] = true;
      InferredColumn& column = file_.columns[index];
      column.schema.kind = ColumnKind::kCategory;
      column.schema.unit.clear();
      column.is_date = column.is_empty = column.is_index = false;
      column.problem = absl::OkStatus();
    }
    return absl::OkStatus();
  }

  absl::Status LeaveOut() {
    used_.assign(names_.size(), true);
    used_[target_] = false;
    for (const std::string& name : options_.ignored) {
      ASSIGN_OR_RETURN(const size_t column, Find(name, "--ignore"));
      if (column == target_) return UsageError("--ignore: the target can't be left out");
      if (categorical_[column]) {
        return UsageError(absl::StrCat("--categorical and --ignore: ", Shortened(names_[column]),
                                       " can't be learnt from and left out"));
      }
      used_[column] = false;
    }
    for (size_t i = 0; i < names_.size(); ++i) {
      const InferredColumn& column = file_.columns[i];
      if (!used_[i] || !(column.is_index || column.is_empty)) continue;
      used_[i] = false;
      file_.notes.push_back(
          absl::StrCat("column ", Shortened(names_[i]),
                       column.is_empty ? " holds nothing, and is left out"
                                       : ", which has no name, says which row it is and is left "
                                         "out; --categorical takes it in"));
    }
    return absl::OkStatus();
  }

  absl::Status Embed() {
    for (const std::string& text : options_.embedded) {
      ASSIGN_OR_RETURN(const EmbedOption option, ParseEmbed(text, [this](const std::string& name) {
                         return Find(name, "--embed");
                       }));
      InferredColumn& column = file_.columns[option.column];
      RETURN_IF_ERROR(CheckEmbedded(option.column));
      column.schema.embed = option.sizes;
    }
    return absl::OkStatus();
  }

  absl::Status CheckEmbedded(size_t index) const {
    const InferredColumn& column = file_.columns[index];
    const std::string name = Shortened(names_[index]);
    if (index == target_) return UsageError("--embed: the target can't be embedded");
    if (!used_[index]) {
      return UsageError(absl::StrCat(
          "--embed: ", name,
          column.is_empty   ? " holds nothing"
          : column.is_index ? " says which row it is, and is left out; --categorical takes it in"
                            : " can't be learnt from and left out by --ignore"));
    }
    if (column.schema.embed.has_value()) {
      return UsageError(absl::StrCat("--embed: ", name, " is given twice"));
    }
    // What keeps a column from being one of numbers is the error, and says what helps.
    RETURN_IF_ERROR(column.problem);
    if (column.schema.kind == ColumnKind::kCategory) return absl::OkStatus();
    return UsageError(absl::StrCat("--embed: expected a column of categories, and ", name,
                                   " holds ", column.is_date ? "dates" : "numbers",
                                   "; with --categorical ", name,
                                   " as well they are taken for categories"));
  }

  void AddInput(const InferredColumn& column, TableSchema* schema) {
    if (!column.is_date) {
      schema->inputs.push_back(column.schema);
      return;
    }
    const auto add = [&](DatePart part) {
      schema->inputs.push_back(column.schema);
      schema->inputs.back().part = part;
    };
    for (const DatePart part : kDateParts) add(part);
    if (column.has_time) {
      for (const DatePart part : kTimeParts) add(part);
    }
    file_.notes.push_back(absl::StrCat("column ", Shortened(column.schema.name),
                                       " holds dates: taken as days since 1970 and as places in ",
                                       column.has_time ? "year, week and day" : "year and week"));
  }

  absl::StatusOr<ColumnSchema> Target() {
    InferredColumn& column = file_.columns[target_];
    RETURN_IF_ERROR(column.problem);
    const std::string name = Shortened(column.schema.name);
    if (column.is_empty) {
      return DataError({options_.csv}, absl::StrCat("the target ", name, " holds no value"));
    }
    if (column.is_date) {
      return DataError({options_.csv},
                       absl::StrCat("the target ", name,
                                    " holds dates, which can't be predicted; write them as a "
                                    "number, such as days from a beginning"));
    }
    if (categorical_[target_] && options_.target_kind == ColumnKind::kNumber) {
      return UsageError(absl::StrCat("--categorical and --loss: the target ", name,
                                     " can't hold categories for a loss that takes numbers"));
    }
    if (options_.target_kind.has_value()) column.schema.kind = *options_.target_kind;
    return column.schema;
  }

  const NewTableOptions& options_;
  InferredFile& file_;
  const std::vector<std::string> names_;
  size_t target_ = 0;
  std::vector<bool> used_;
  std::vector<bool> categorical_;  // as --categorical says
};

}  // namespace

absl::StatusOr<size_t> FindColumn(const std::vector<std::string>& names,
                                  absl::string_view name_or_number, absl::string_view option) {
  const auto found = std::find(names.begin(), names.end(), name_or_number);
  if (found != names.end()) return static_cast<size_t>(found - names.begin());
  size_t number = 0;
  if (absl::SimpleAtoi(name_or_number, &number) && number >= 1 && number <= names.size()) {
    return number - 1;
  }
  return UsageError(absl::StrCat(option, ": no column is called \"", Shortened(name_or_number),
                                 "\", nor is it a number from 1 to ", names.size()));
}

absl::StatusOr<NewTable> ReadNewTable(const NewTableOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<TextSource> source,
                   TextSource::Open(options.csv, options.file.charset, options.file.format));
  ASSIGN_OR_RETURN(InferredFile file, InferFile(options.file, &source));
  ASSIGN_OR_RETURN(TableSchema schema, Division(options, &file).Divide());
  NewTable result;
  result.csv = file.csv;
  result.fields = static_cast<int64_t>(file.columns.size());
  result.notes = std::move(file.notes);
  ASSIGN_OR_RETURN(std::unique_ptr<RecordReader> reader,
                   OpenRecords(std::move(source), file.csv, NamesOf(file.columns)));
  TableReader rows(std::move(reader), std::move(schema), file.csv.cells);
  ASSIGN_OR_RETURN(result.table, rows.Read(std::numeric_limits<int64_t>::max()));
  RETURN_IF_ERROR(result.table.CheckRows());
  return result;
}

}  // namespace descent::cli
