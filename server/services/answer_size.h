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
// Of GetParameters.
std::size_t AnswerBytes(const std::vector<int>& parameters, const Network& network);
// Of a description of a model.
std::size_t DescriptionBytes(const models::ModelSettings& settings);

// Answers that describe a model.
std::size_t AnswerBytes(const models::UpdateModelCommand& command, const Network& network);
std::size_t AnswerBytes(const models::RestoreCheckpointCommand& command, const Network& network);

// Answers of some numbers.
template <typename Command>
std::size_t AnswerBytes(const Command& /*command*/, const Network& /*network*/) {
  return 256;
}
// A page of checkpoints.
inline std::size_t AnswerBytes(const models::ListCheckpointsCommand& command,
                               const Network& /*network*/) {
  constexpr int kMostOnAPage = 1000;
  constexpr std::size_t kCheckpointBytes = 64;
  const int size = command.page_size > 0 ? command.page_size : kMostOnAPage;
  return kCheckpointBytes * static_cast<std::size_t>(size < kMostOnAPage ? size : kMostOnAPage);
}

}  // namespace descent::services

#endif  // SERVER_SERVICES_ANSWER_SIZE_H_
