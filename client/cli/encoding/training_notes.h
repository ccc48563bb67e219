// What whoever trains a new model should know about the data, though nothing is wrong with it.

#ifndef CLIENT_CLI_ENCODING_TRAINING_NOTES_H_
#define CLIENT_CLI_ENCODING_TRAINING_NOTES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "client/cli/encoding/encoding.h"
#include "client/cli/tables/table.h"

namespace descent::cli {

// Adds a note on a target that is the same in all of the training rows, on columns that are, on
// whole numbers too large to be told apart, on columns that make many
// inputs, and on those that are embedded.
void AddNotes(const Table& table, absl::Span<const int64_t> training_rows, const Encoding& encoding,
              std::vector<std::string>* notes);

}  // namespace descent::cli

#endif  // CLIENT_CLI_ENCODING_TRAINING_NOTES_H_
