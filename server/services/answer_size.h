// About how many bytes the answer to a command will have, before it is computed.

#ifndef SERVER_SERVICES_ANSWER_SIZE_H_
#define SERVER_SERVICES_ANSWER_SIZE_H_

#include <cstddef>
#include <vector>

#include "core/network.h"
#include "server/models/commands.h"

namespace descent::services {

std::size_t AnswerBytes(const models::PredictCommand& command, const Network& network);
std::size_t AnswerBytes(const models::ForwardCommand& command, const Network& network);
std::size_t AnswerBytes(const models::GradientCommand& command, const Network& network);
// The answer of GetParameters.
std::size_t AnswerBytes(const std::vector<int>& parameters, const Network& network);
// An answer that describes a model.
std::size_t DescriptionBytes(const models::ModelSettings& settings);

// Answers that describe a model.
std::size_t AnswerBytes(const models::UpdateModelCommand& command, const Network& network);
std::size_t AnswerBytes(const models::RestoreCheckpointCommand& command, const Network& network);

// Answers of some numbers.
template <typename Command>
std::size_t AnswerBytes(const Command& /*command*/, const Network& /*network*/) {
  return 256;
}
// Pages: of so many elements, or as many as there can be, each so long.
inline std::size_t PageBytes(int page_size, std::size_t most_elements, std::size_t element_bytes) {
  const auto size = static_cast<std::size_t>(page_size);
  return element_bytes * (page_size > 0 && size < most_elements ? size : most_elements);
}
inline std::size_t AnswerBytes(const models::ListCheckpointsCommand& command,
                               const Network& /*network*/) {
  return PageBytes(command.page_size, /*most_elements=*/1000, /*element_bytes=*/64);
}
inline std::size_t AnswerBytes(const models::ListHistoryCommand& command,
                               const Network& /*network*/) {
  return PageBytes(command.page_size, store::kMostHistoryPoints, /*element_bytes=*/128);
}

}  // namespace descent::services

#endif  // SERVER_SERVICES_ANSWER_SIZE_H_
