#include "client/cli/training/known_columns.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "client/cli/format.h"
#include "client/cli/status_macros.h"
#include "client/cli/tables/embed_option.h"
#include "client/cli/tables/new_table.h"

namespace descent::cli {
namespace {

// The columns of the file as the encoding takes them.
class KnownColumns {
 public:
  static absl::StatusOr<KnownColumns> Of(const Encoding& encoding, const KnownFile& file) {
    ASSIGN_OR_RETURN(TableSchema schema,
                     SchemaFor(encoding, *file.reader, file.csv.header, /*with_target=*/true));
    return KnownColumns(std::move(schema), file.reader->columns());
  }

  absl::Status CheckTarget(const std::string& name) const {
    if (name.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const int64_t field, FieldOf(name, "--target"));
    if (field == schema_.target->field) return absl::OkStatus();
    return IsThere("--target", absl::StrCat("its target is ", Shortened(schema_.target->name)));
  }

  absl::Status CheckIgnored(const std::string& name) const {
    ASSIGN_OR_RETURN(const int64_t field, FieldOf(name, "--ignore"));
    if (field == schema_.target->field) return UsageError("--ignore: the target can't be left out");
    if (InputOf(field) == nullptr) return absl::OkStatus();
    return IsThere("--ignore", absl::StrCat("needs ", Shortened(InputOf(field)->name)));
  }

  absl::Status CheckCategorical(const std::string& name) const {
    ASSIGN_OR_RETURN(const int64_t field, FieldOf(name, "--categorical"));
    const ColumnSchema* column = field == schema_.target->field ? &*schema_.target : InputOf(field);
    if (column == nullptr) {
      return IsThere("--categorical", absl::StrCat("leaves ", Shortened(name), " out"));
    }
    if (column->kind == ColumnKind::kCategory) return absl::OkStatus();
    return IsThere("--categorical",
                   absl::StrCat("takes ", Shortened(column->name), " for ",
                                column->part == DatePart::kNone ? "numbers" : "dates"));
  }

  absl::Status CheckEmbedded(const std::string& text) const {
    ASSIGN_OR_RETURN(const EmbedOption option,
                     ParseEmbed(text, [this](const std::string& name) -> absl::StatusOr<size_t> {
                       ASSIGN_OR_RETURN(const int64_t field, FieldOf(name, "--embed"));
                       return static_cast<size_t>(field);
                     }));
    const auto field = static_cast<int64_t>(option.column);
    if (field == schema_.target->field) {
      return UsageError("--embed: the target can't be embedded");
    }
    const ColumnSchema* column = InputOf(field);
    if (column == nullptr) return IsThere("--embed", "leaves that column out");
    const std::string name = Shortened(column->name);
    if (column->kind == ColumnKind::kNumber) {
      return IsThere("--embed",
                     absl::StrCat("takes ", name, " for ",
                                  column->part == DatePart::kNone ? "numbers" : "dates"));
    }
    if (!column->embed.has_value()) {
      return IsThere("--embed", absl::StrCat("has an input for each category of ", name));
    }
    const EmbedSizes& actual = *column->embed;
    if (option.sizes.dimension.value_or(*actual.dimension) == *actual.dimension &&
        option.sizes.buckets.value_or(*actual.buckets) == *actual.buckets) {
      return absl::OkStatus();
    }
    return IsThere("--embed", absl::StrCat("embeds ", name, " with the dimension ",
                                           *actual.dimension, " in ", *actual.buckets, " buckets"));
  }

 private:
  KnownColumns(TableSchema schema, const std::vector<std::string>& names)
      : schema_(std::move(schema)), names_(names) {}

  static absl::Status IsThere(const std::string& option, const std::string& how) {
    return UsageError(absl::StrCat(option, ": the model is there already, and ", how));
  }

  // Of a column by its name or number in this file, or else by its name in the first one, for a
  // file without a header.
  absl::StatusOr<int64_t> FieldOf(const std::string& name, const char* option) const {
    const absl::StatusOr<size_t> found = FindColumn(names_, name, option);
    if (found.ok()) return static_cast<int64_t>(*found);
    if (schema_.target->name == name) return schema_.target->field;
    for (const ColumnSchema& input : schema_.inputs) {
      if (input.name == name) return input.field;
    }
    return found.status();
  }

  const ColumnSchema* InputOf(int64_t field) const {
    const auto input =
        std::find_if(schema_.inputs.begin(), schema_.inputs.end(),
                     [field](const ColumnSchema& column) { return column.field == field; });
    return input == schema_.inputs.end() ? nullptr : &*input;
  }

  TableSchema schema_;
  const std::vector<std::string>& names_;
};

}  // namespace

absl::Status CheckKnownColumns(const DataOptions& options, const Encoding& encoding,
                               const KnownFile& file) {
  ASSIGN_OR_RETURN(const KnownColumns columns, KnownColumns::Of(encoding, file));
  RETURN_IF_ERROR(columns.CheckTarget(options.target));
  for (const std::string& name : options.ignored) RETURN_IF_ERROR(columns.CheckIgnored(name));
  for (const std::string& name : options.categorical) {
    RETURN_IF_ERROR(columns.CheckCategorical(name));
  }
  for (const std::string& text : options.embedded) RETURN_IF_ERROR(columns.CheckEmbedded(text));
  const std::string positive = PositiveClass(encoding.target);
  if (options.positive.empty() || options.positive == positive) return absl::OkStatus();
  return UsageError(
      absl::StrCat("--positive: the model is there already, and ",
                   positive.empty() ? "has no two classes"
                                    : absl::StrCat("its positive class is ", Shortened(positive))));
}

absl::Status CheckPlainColumns(const DataOptions& options) {
  const char* given = !options.ignored.empty()       ? "--ignore"
                      : !options.categorical.empty() ? "--categorical"
                      : !options.embedded.empty()    ? "--embed"
                      : !options.positive.empty()    ? "--positive"
                                                     : nullptr;
  if (given == nullptr) return absl::OkStatus();
  return UsageError(absl::StrCat(
      given,
      ": the model is there already, and was not made by `descent train`: its columns are "
      "taken as they are, all of them numbers"));
}

}  // namespace descent::cli
