// How the columns of a table become the numbers a network sees, and back.
//
// An encoding is fitted once, on the rows a model first learns from, and kept with the model, so
// that whoever predicts or evaluates later does to their data what was done to the first:
//
//   number     (x - mean) / scale, scale being the standard deviation (1 for a constant column);
//              a missing cell counts as the median of the others
//   category   one input a category seen in training, 1 for the row's own and 0 for the others; a
//              missing cell is a category like any other, and one that training never saw is all
//              zeros, which says "none of those I know"
//   target     a number is standardised like an input, save for losses that need it as it is; a
//              class is its index among the sorted labels
//
// All statistics are of the training rows alone; the list of classes is of the whole table, so that
// a rare class can't be met in the test rows first. Inputs stand in the order of their columns, the
// inputs of a category in the order of its sorted categories.

#ifndef CLIENT_CLI_ENCODING_H_
#define CLIENT_CLI_ENCODING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/cli/csv_reader.h"
#include "client/cli/failure.h"
#include "client/cli/table.h"

namespace descent::cli {

// More categories than this in a column, or classes, are taken for a mistake.
inline constexpr size_t kMaxCategories = 1000;

// x is encoded as (x - mean) / scale.
struct Standardization {
  double mean = 0;
  double scale = 1;
};

struct NumberEncoding {
  Standardization standardization;
  double median = 0;  // for missing cells; NaN if they are not allowed
};

struct CategoryEncoding {
  std::vector<std::string> categories;  // sorted, distinct
};

struct InputEncoding {
  std::string name;
  int64_t field = 0;  // where it stood in the records of the file it was fitted on, from 0
  std::variant<NumberEncoding, CategoryEncoding> values;

  // How many of the network's inputs it is.
  int64_t width() const;
};

struct TargetEncoding {
  std::string name;
  int64_t field = 0;
  std::variant<Standardization, CategoryEncoding> values;  // a number, or its classes

  // The classes' labels; null for a number.
  const std::vector<std::string>* classes() const;
};

struct Encoding {
  CsvOptions csv;      // of the file it was fitted on
  bool named = true;   // whether columns have names by which to find them in another file
  int64_t fields = 0;  // in each of its records
  std::vector<InputEncoding> inputs;
  TargetEncoding target;

  // The number of the network's inputs.
  int64_t features() const;
};

enum class TargetForm {
  kStandardized,  // a number, standardised
  kUnscaled,      // a number as it is (counts)
  kClass,         // one of the distinct values
};

// Learns the statistics of the given rows of a table with a target, whose column must be of the
// kind that `form` asks for. A data error if a column has no value in them, or too many categories.
// The result's `csv`, `named` and `fields` are the caller's to set.
absl::StatusOr<Encoding> FitEncoding(const Table& table, absl::Span<const int64_t> rows,
                                     TargetForm form);

// Numbers as they are, none missing: what is done to the rows of a model that has no encoding of
// its own. The target stands at `target_field` among them; `classes` classes are called "0", "1",
// and so on, and 0 means a numeric target.
Encoding PlainEncoding(int64_t features, int64_t classes, int64_t target_field);

// How to read a file so that `encoding` applies to it. If the file has a header and the encoding
// names, columns are found by name and others are ignored; otherwise by position, and when the
// target isn't wanted its column, and those left out of training, may be absent.
// A data error if a needed column is.
absl::StatusOr<TableSchema> SchemaFor(const Encoding& encoding, const CsvReader& reader,
                                      bool header, bool with_target);

// One column of a table as the network sees it: a number a row, or for a category which of `width`
// inputs is 1. The zeros around it are made when a batch is, so that a column of a thousand
// categories takes no more memory than one of numbers.
struct EncodedColumn {
  int64_t width = 1;
  std::vector<double> numbers;
  std::vector<int32_t> codes;  // instead of numbers; kNoCategory where all inputs are 0
};

inline constexpr int32_t kNoCategory = -1;

// What a network is given: the columns of its inputs, of together `features` numbers a row, and
// targets [rows], a class being its index.
struct Dataset {
  int64_t rows = 0;
  int64_t features = 0;
  std::vector<EncodedColumn> inputs;
  std::vector<double> targets;  // empty if the table has none
};

// Cells whose category training never saw.
struct UnknownCategories {
  int64_t cells = 0;
  Place first;
  std::string example;  // what it says there
};

// Encodes every row of a table read by SchemaFor's schema, whose numbers it takes over. Adds what
// it doesn't know to *unknown.
// A data error for a class that is none of the encoding's, or a number too large for a float.
absl::StatusOr<Dataset> Encode(const Encoding& encoding, Table table, UnknownCategories* unknown);

}  // namespace descent::cli

#endif  // CLIENT_CLI_ENCODING_H_
