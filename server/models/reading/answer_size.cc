#include "server/models/reading/answer_size.h"

#include "server/models/errors.h"
#include "server/models/work/cost.h"

namespace descent::models {
namespace {

// What a number takes at least: those of float64 may be answered as float32.
constexpr double kLeastWidth = 4;
// What a tensor takes beside its numbers: its type, shape and, often, name.
constexpr double kTensorBytes = 12;

constexpr std::string_view kFewerRows = "send fewer rows at a time";

double NumbersOf(const Network& network, const std::vector<int>& parameters) {
  if (parameters.empty()) return static_cast<double>(network.layout().parameter_count());
  double numbers = 0;
  for (const int i : parameters) {
    numbers += static_cast<double>(network.layout().parameters()[static_cast<std::size_t>(i)].size);
  }
  return numbers;
}

double CountOf(const Network& network, const std::vector<int>& parameters) {
  return static_cast<double>(parameters.empty() ? network.layout().parameters().size()
                                                : parameters.size());
}

}  // namespace

AnswerSize PredictAnswerSize(const Network& network, std::int64_t rows) {
  return {.numbers = static_cast<double>(rows) * static_cast<double>(network.outputs()),
          .tensors = 1,
          .remedy = kFewerRows};
}

AnswerSize ForwardAnswerSize(const Network& network, std::int64_t rows) {
  // Each layer's z and a, and the outputs once more.
  const double values = 2 * network.values_per_row() + static_cast<double>(network.outputs());
  return {.numbers = static_cast<double>(rows) * values,
          .tensors = 2 * static_cast<double>(network.layers().size()) + 1,
          .remedy = kFewerRows};
}

AnswerSize GradientAnswerSize(const Network& network, const GradientCommand& command) {
  AnswerSize size = ParametersAnswerSize(network, command.parameters);
  size.numbers = 0;
  const auto count = static_cast<int>(size.tensors);
  for (int i = 0; i < count; ++i) {
    const int parameter =
        command.parameters.empty() ? i : command.parameters[static_cast<std::size_t>(i)];
    size.numbers += GradientNumbers(network, parameter, command.categories);
  }
  size.remedy =
      "name fewer `parameters`, ask for `norms_only`, or send fewer rows for `input_gradient`";
  if (command.norms_only) size.numbers = size.tensors;
  if (command.input_gradient) {
    size.numbers +=
        static_cast<double>(command.inputs.rows()) * static_cast<double>(network.input_features());
    size.tensors += 1;
  }
  return size;
}

AnswerSize ParametersAnswerSize(const Network& network, const std::vector<int>& parameters) {
  return {.numbers = NumbersOf(network, parameters),
          .tensors = CountOf(network, parameters),
          .remedy = "name some `parameters` in each call"};
}

absl::Status CheckAnswerSize(const AnswerSize& size, std::size_t limit) {
  const double bytes = kLeastWidth * size.numbers + kTensorBytes * size.tensors;
  if (bytes <= static_cast<double>(limit)) return absl::OkStatus();
  return AnswerTooLarge(bytes, limit, size.remedy);
}

std::size_t OutcomeBytes(const Network& network, const AnswerSize& size) {
  const auto width = static_cast<double>(ByteWidth(network.data_type()));
  return static_cast<std::size_t>(width * size.numbers + sizeof(Matrix) * size.tensors);
}

}  // namespace descent::models
