// How the columns of a table become the numbers a network sees, and back.
//
// An encoding is fitted once, on the rows a model first learns from, and kept with the model, so
// that whoever predicts or evaluates later does to their data what was done to the first:
//
//   number     (x - mean) / scale, scale being the standard deviation; 0 for a constant column; a
//              missing cell counts as the median of the others
//   category   one input a category seen in training, 1 for the row's own and 0 for the others; a
//              missing cell is a category like any other, and one that training never saw is all
//              zeros, which says "none of those I know"
//              where it is to be embedded, the column is one categorical input of the network
//              instead: its texts go to the server as they are, which hashes them into the rows of
//              a table of vectors, so that categories of later rows are learnt like the first ones
//   target     a number is standardised like an input, save for losses that need it as it is; a
//              class is its index among the labels, which are sorted; of two, the positive one is
//              the last unless its owner says which it is
//
// All statistics are of the training rows alone; the list of classes is of the whole table, so that
// a rare class can't be met in the test rows first. Inputs stand in the order of their columns, the
// inputs of a category in the order of its sorted categories.

#ifndef CLIENT_CLI_ENCODING_ENCODING_H_
#define CLIENT_CLI_ENCODING_ENCODING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/cli/encoding/standardization.h"
#include "client/cli/failure.h"
#include "client/cli/tables/table.h"
#include "client/cli/text/csv_reader.h"
#include "client/cli/text/record_reader.h"

namespace descent::cli {

// More categories than this in a column, or classes, are taken for a mistake.
inline constexpr size_t kMaxCategories = 1000;

struct NumberEncoding {
  Standardization standardization;
  double median = 0;  // for missing cells; NaN if they are not allowed
};

struct CategoryEncoding {
  std::vector<std::string> categories;  // sorted, distinct
};

// A column that is a categorical input of the network.
struct EmbeddedEncoding {
  std::string input;      // the categorical input's name (embedding.h)
  int64_t dimension = 1;  // of its vectors
  int64_t buckets = 1;    // of its table, into which texts are hashed
  bool numeric = false;   // as ColumnSchema has it
};

struct InputEncoding {
  std::string name;
  int64_t field = 0;  // where it stood in the records of the file it was fitted on, from 0
  std::variant<NumberEncoding, CategoryEncoding, EmbeddedEncoding> values;
  std::string unit = {};  // as ColumnSchema has them
  DatePart part = DatePart::kNone;

  // How many of the network's numeric inputs it is; none where it is embedded.
  int64_t width() const;
};

struct TargetEncoding {
  std::string name;
  int64_t field = 0;
  std::variant<Standardization, CategoryEncoding> values;  // a number, or its classes
  std::string unit = {};                                   // as ColumnSchema has it

  // The classes' labels; null for a number.
  const std::vector<std::string>* classes() const;
};

// Of rows: how many, and a digest that doesn't depend on their order (fingerprint.h).
struct RowsFingerprint {
  int64_t rows = 0;
  uint64_t digest = 0;

  friend bool operator==(const RowsFingerprint&, const RowsFingerprint&) = default;
};

struct Encoding {
  CsvOptions csv;      // of the file it was fitted on
  bool named = true;   // whether columns have names by which to find them in another file
  int64_t fields = 0;  // in each of its records
  std::vector<InputEncoding> inputs;
  TargetEncoding target;
  // Of all rows of each file that the model has learnt from, those for testing too: of the latest,
  // as many as are kept, oldest first.
  std::vector<RowsFingerprint> trained_on;

  // The number of the network's numeric inputs.
  int64_t features() const;
  // The columns that are categorical inputs, in their order.
  std::vector<const EmbeddedEncoding*> embedded() const;
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

// Of two classes, the label of the one that is positive: whose probability the network gives, and
// that precision, recall and F1 are of. Empty for a number and for more classes.
std::string PositiveClass(const TargetEncoding& target);

// Makes `label` the positive one of two classes. A usage error if there aren't two, or it is none.
absl::Status SetPositive(const std::string& label, TargetEncoding* target);

// Numbers as they are, none missing: what is done to the rows of a model that has no encoding of
// its own. The target stands at `target_field` among them; `classes` classes are called "0", "1",
// and so on, and 0 means a numeric target.
Encoding PlainEncoding(int64_t features, int64_t classes, int64_t target_field);

// How to read a file so that `encoding` applies to it. If the file has a header and the encoding
// names, columns are found by name and others are ignored; otherwise by position, and when the
// target isn't wanted its column, and those left out of training, may be absent.
// A data error if a needed column is.
absl::StatusOr<TableSchema> SchemaFor(const Encoding& encoding, const RecordReader& reader,
                                      bool header, bool with_target);

// One column of a table as the network sees it: a number a row, or for a category which of `width`
// inputs is 1, or where it is embedded which of its texts it is. The zeros around the 1 are made
// when a batch is, so that a column of a thousand categories takes no more memory than one of
// numbers.
struct EncodedColumn {
  ColumnSchema schema;
  int64_t width = 1;
  std::vector<double> numbers;
  std::vector<int32_t> codes;  // instead of numbers; kNoCategory where all inputs are 0
  // Of an embedded column, whose width is 0: the categorical input, and the texts that codes are
  // of.
  std::string input = {};
  std::vector<std::string> texts = {};

  bool is_embedded() const { return !input.empty(); }
};

inline constexpr int32_t kNoCategory = -1;

// What a network is given: the columns of its inputs, of together `features` numbers a row and
// a text for each that is embedded, and
// targets [rows], a class being its index.
struct Dataset {
  int64_t rows = 0;
  int64_t features = 0;
  bool float64 = false;  // whether the network computes in double precision, or else in single
  std::vector<EncodedColumn> inputs;
  std::vector<double> targets;                 // empty if the table has none
  std::vector<std::vector<std::string>> kept;  // as in the table

  // Where the rows came from.
  std::string source;
  std::vector<int64_t> lines;
  std::optional<ColumnSchema> target;

  // The column that makes an input of the network.
  const ColumnSchema& ColumnOf(int64_t feature) const;
  // A row's cell in a column.
  Place PlaceOf(int64_t row, const ColumnSchema& column) const;
};

// What a network asks of the numbers it is given.
struct NumberTerms {
  bool float64 = false;  // computes in double precision; otherwise in single
  bool counts = false;   // targets must not be negative
  std::string loss;      // what asks for that
};

// Cells whose category training never saw.
struct UnknownCategories {
  int64_t cells = 0;
  Place first;
  std::string example;  // what it says there

  // For a note; empty if there are none.
  std::string Text() const;
};

// Encodes every row of a table read by SchemaFor's schema, whose numbers it takes over. Adds what
// it doesn't know to *unknown.
// A data error for a class that is none of the encoding's, a number too large for the network's
// precision, or a negative target where counts are asked for.
absl::StatusOr<Dataset> Encode(const Encoding& encoding, Table table, const NumberTerms& terms,
                               UnknownCategories* unknown);

// The same of the rows before the first that can't be encoded, whose error *problem becomes.
Dataset EncodeUntil(absl::Status* problem, const Encoding& encoding, Table table,
                    const NumberTerms& terms, UnknownCategories* unknown);

}  // namespace descent::cli

#endif  // CLIENT_CLI_ENCODING_ENCODING_H_
