// Writes a NumPy array row by row: format version 1.0, or 3.0 where a name is not ASCII.

#ifndef CLIENT_CLI_RESULTS_NPY_WRITER_H_
#define CLIENT_CLI_RESULTS_NPY_WRITER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "client/cli/results/output_file.h"

namespace descent::cli {

class NpyWriter {
 public:
  // Without classes rows are of float64, as many as there are names: of one dimension if it is
  // one. With classes each row is a record: a text, the longest of which is a class, and numbers.
  // `file` must outlive the writer and be one that can be overwritten.
  NpyWriter(const std::vector<std::string>& classes, std::vector<std::string> names,
            OutputFile* file);

  // Whether NumPy reads it without being asked to: its header is short enough.
  bool is_readable() const;

  absl::Status Begin();
  absl::Status Add(const std::string& label, absl::Span<const double> values);
  // Puts the number of rows into the header.
  absl::Status End();

 private:
  std::string Header(int64_t rows) const;

  std::vector<std::string> names_;
  size_t label_characters_ = 0;  // 0: no classes
  OutputFile* file_;
  int64_t rows_ = 0;
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_RESULTS_NPY_WRITER_H_
