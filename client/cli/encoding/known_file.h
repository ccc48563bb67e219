// Opening a file for a model whose encoding is known, from the file that it first learnt from.

#ifndef CLIENT_CLI_ENCODING_KNOWN_FILE_H_
#define CLIENT_CLI_ENCODING_KNOWN_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/encoding/encoding.h"
#include "client/cli/tables/file_inference.h"
#include "client/cli/tables/table_reader.h"
#include "client/cli/text/csv_reader.h"
#include "client/cli/text/record_reader.h"
#include "client/cli/text/text_source.h"

namespace descent::cli {

struct KnownFile {
  std::unique_ptr<RecordReader> reader;
  CsvOptions csv;  // of a file of another format what is true of it: its header and cells
};

// Reads the source as the first file was, save for what the options say otherwise. Where that
// delimiter does not cut its first record and another does, it is of another make, and its
// delimiter and numbers are looked at anew. A file of a format in which a record may leave columns
// out has all those that the encoding is of; a data error if its first record has none of them.
absl::StatusOr<KnownFile> OpenKnown(std::unique_ptr<TextSource> source, const FileOptions& options,
                                    const Encoding& encoding);

// The same of a file; "-" is standard input.
absl::StatusOr<KnownFile> OpenKnown(const std::string& path, const FileOptions& options,
                                    const Encoding& encoding);

// Its rows, with the columns that the encoding is of (see SchemaFor), and the cells of `kept`
// fields.
absl::StatusOr<TableReader> RowsOf(KnownFile file, const Encoding& encoding, bool with_target,
                                   std::vector<int64_t> kept = {});

}  // namespace descent::cli

#endif  // CLIENT_CLI_ENCODING_KNOWN_FILE_H_
