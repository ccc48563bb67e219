// What reads answer with, by size, before anything is computed.

#ifndef SERVER_MODELS_READING_ANSWER_SIZE_H_
#define SERVER_MODELS_READING_ANSWER_SIZE_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/network.h"
#include "server/models/commands.h"

namespace descent::models {

// In floating point, so that no product of sizes overflows.
struct AnswerSize {
  double numbers = 0;
  double tensors = 0;
  std::string_view remedy;  // what makes the answer smaller: "send fewer rows at a time"
};

AnswerSize PredictAnswerSize(const Network& network, std::int64_t rows);
AnswerSize ForwardAnswerSize(const Network& network, std::int64_t rows);
AnswerSize GradientAnswerSize(const Network& network, const GradientCommand& command);
// parameters: empty for all.
AnswerSize ParametersAnswerSize(const Network& network, const std::vector<int>& parameters);

// RESOURCE_EXHAUSTED (ANSWER_TOO_LARGE) when no encoding of the answer fits into `limit` bytes.
absl::Status CheckAnswerSize(const AnswerSize& size, std::size_t limit);

// What the outcome takes in memory until it is encoded.
std::size_t OutcomeBytes(const Network& network, const AnswerSize& size);

}  // namespace descent::models

#endif  // SERVER_MODELS_READING_ANSWER_SIZE_H_
