// What the options of a run say of columns, for a model whose encoding has already decided them.

#ifndef CLIENT_CLI_TRAINING_KNOWN_COLUMNS_H_
#define CLIENT_CLI_TRAINING_KNOWN_COLUMNS_H_

#include "absl/status/status.h"
#include "client/cli/encoding/encoding.h"
#include "client/cli/encoding/known_file.h"
#include "client/cli/training/data_options.h"

namespace descent::cli {

// A usage error if --target, --ignore, --categorical, --embed or --positive name a column that the
// file does not have, or say anything else of one than the encoding does. So none of them is passed
// over: what they ask for is so already.
absl::Status CheckKnownColumns(const DataOptions& options, const Encoding& encoding,
                               const KnownFile& file);

// The same for a model that has no encoding, whose columns are numbers as they are.
absl::Status CheckPlainColumns(const DataOptions& options);

}  // namespace descent::cli

#endif  // CLIENT_CLI_TRAINING_KNOWN_COLUMNS_H_
