// Lists, a page at a time.

#ifndef SERVER_MODELS_LIST_PAGES_H_
#define SERVER_MODELS_LIST_PAGES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/models/commands.h"
#include "server/store/history.h"

namespace descent::models {

// How many to answer with: 0 asks for 100, more than 1000 gets 1000. INVALID_ARGUMENT (field
// "page_size") below 0.
absl::StatusOr<std::size_t> PageSize(int asked);

// A token holds the last key of the page before; empty for the first page. INVALID_ARGUMENT (field
// "page_token") for what is no token.
absl::StatusOr<std::string> DecodePageToken(const std::string& token);
std::string EncodePageToken(const std::string& last_key);

// One page of a model's checkpoints, which are `listed` newest first. Errors as above.
absl::StatusOr<ListCheckpointsOutcome> PageOf(const std::vector<CheckpointInfo>& listed,
                                              const ListCheckpointsCommand& command);

// One page of the history of a model with this loss. Errors as above.
absl::StatusOr<ListHistoryOutcome> PageOf(const store::History& history, const LossSpec& loss,
                                          const ListHistoryCommand& command);

}  // namespace descent::models

#endif  // SERVER_MODELS_LIST_PAGES_H_
