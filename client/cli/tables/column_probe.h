// Finds out from a column's cells what it holds: numbers, dates, or texts.
//
// A column is of numbers or dates if most of its cells that aren't missing are some, or most of the
// different ones: then the others are slips, and a problem of the column that names the first of
// them. The same if most of its cells are numbers, but in another way of writing than the file's,
// or dates of a kind that leaves open which is the day. So nothing that looks like a number becomes
// a category because nobody looked.

#ifndef CLIENT_CLI_TABLES_COLUMN_PROBE_H_
#define CLIENT_CLI_TABLES_COLUMN_PROBE_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/cli/tables/table.h"
#include "client/cli/text/cells.h"

namespace descent::cli {

struct InferredColumn {
  ColumnSchema schema;       // of numbers or categories
  bool is_date = false;      // a kNumber: dates, each of which becomes several numbers
  bool has_time = false;     // and some have a time
  bool is_empty = false;     // every cell is missing
  bool is_index = false;     // has no name and no value twice: it says which row it is
  bool counts_rows = false;  // whole numbers, each one more than that of the row before
  absl::Status problem;      // why it can't be learnt from, unless as categories
};

class ColumnProbe {
 public:
  // `format` must outlive the probe.
  ColumnProbe(ColumnSchema schema, bool named, const CellFormat& format);

  void Add(absl::string_view cell, int64_t line);

  // What all cells together say; `source` is the file's name.
  InferredColumn Finish(const std::string& source) const;

 private:
  // Cells of one kind: how many, and the first.
  struct Cells {
    int64_t count = 0;
    int64_t line = 0;
    std::string first;

    void Add(absl::string_view cell, int64_t at);
  };
  // The first different values, as hashes.
  using Values = absl::flat_hash_set<size_t>;

  void AddNumber(absl::string_view cell, const Quantity& quantity, int64_t line);
  void AddOther(absl::string_view cell, int64_t line);
  void AddText(absl::string_view cell, int64_t line);
  void WatchIndex(absl::string_view cell, int64_t line);

  bool IsOfNumbers() const;
  bool IsOfDates() const;
  // The cell that stands highest of two kinds, either of which may be empty.
  static const Cells& Higher(const Cells& a, const Cells& b);
  absl::Status ProblemOfNumbers(const std::string& source) const;
  absl::Status ProblemOfDates(const std::string& source) const;
  absl::Status ProblemOfTexts(const std::string& source) const;
  absl::Status Problem(const std::string& source, const Cells& cells,
                       absl::string_view message) const;
  // "; leave the column out with --ignore x, or ...".
  std::string Remedies() const;

  const ColumnSchema schema_;
  const CellFormat& format_;

  Cells numbers_;
  Cells dates_;
  Cells times_;          // dates with a time
  Cells foreign_;        // numbers in another way of writing
  Cells infinite_;       // or too large for a double
  Cells unclear_;        // dates of another spelling
  Cells texts_;          // all others
  Cells other_unit_;     // numbers with another unit than the first
  std::string unit_;     // of the first number
  bool numeric_ = true;  // see ColumnSchema
  std::string suffix_;   // behind a number in every text; empty: not in every one
  Values number_values_;
  Values text_values_;

  bool may_be_index_;
  Values index_values_;
  bool counts_ = true;
  double last_ = 0;
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_TABLES_COLUMN_PROBE_H_
