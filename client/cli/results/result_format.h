// In which format results are written.

#ifndef CLIENT_CLI_RESULTS_RESULT_FORMAT_H_
#define CLIENT_CLI_RESULTS_RESULT_FORMAT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/results/packer.h"

namespace descent::cli {

enum class ResultFormat {
  kCsv,        // with a header
  kTsv,        // the same, with tabs
  kJsonLines,  // flat objects, whose keys are the header's names
  kNpy,        // a NumPy array
};

struct ResultEncoding {
  ResultFormat format = ResultFormat::kCsv;
  Compression compression = Compression::kNone;
};

// "csv", "tsv", "jsonl", "npy".
std::vector<std::string> ResultFormatNames();

// What the name of a file says by its ending, such as .jsonl.gz, unless `format` is one of the
// names above. A usage error if neither says a format, or an array is to be compressed.
absl::StatusOr<ResultEncoding> ResultEncodingOf(const std::string& path, const std::string& format);

}  // namespace descent::cli

#endif  // CLIENT_CLI_RESULTS_RESULT_FORMAT_H_
