// From encoded rows to the messages that carry them.

#ifndef CLIENT_CLI_ENCODING_BATCHES_H_
#define CLIENT_CLI_ENCODING_BATCHES_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "client/cli/encoding/encoding.h"
#include "descent/v1/network.pb.h"
#include "descent/v1/tensor.pb.h"

namespace descent::cli {

// The inputs `[rows.size(), features]` of some rows, in that order and in the network's precision.
v1::Tensor GatherInputs(const Dataset& dataset, absl::Span<const int64_t> rows);

// The texts of the columns that are embedded, one a row.
google::protobuf::RepeatedPtrField<v1::CategoricalValues> GatherCategories(
    const Dataset& dataset, absl::Span<const int64_t> rows);

// Both, of a batch or a request. Networks without numeric inputs are sent none.
template <typename Message>
void SetInputs(const Dataset& dataset, absl::Span<const int64_t> rows, Message* message) {
  if (dataset.features > 0) *message->mutable_inputs() = GatherInputs(dataset, rows);
  *message->mutable_categories() = GatherCategories(dataset, rows);
}

// The same with targets, as the loss wants them: class indices `[n]` for softmax cross-entropy,
// numbers `[n, 1]` for the others.
v1::Batch MakeBatch(const Dataset& dataset, absl::Span<const int64_t> rows, v1::LossKind loss);

// 0, ..., rows - 1.
std::vector<int64_t> AllRows(int64_t rows);

// How many rows of so many features make a message of about a megabyte: long enough to be
// efficient, far below every limit.
int64_t RowsInMessage(int64_t features);

// The first of the rows that make such a message, with their texts: at least one. Requires rows.
absl::Span<const int64_t> FirstMessage(const Dataset& dataset, absl::Span<const int64_t> rows);

}  // namespace descent::cli

#endif  // CLIENT_CLI_ENCODING_BATCHES_H_
