// What work costs before it is done: multiply-adds, to decide whether to hand it over, and the
// bytes of its tensors, to bound queues.

#ifndef SERVER_MODELS_WORK_COST_H_
#define SERVER_MODELS_WORK_COST_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <variant>

#include "absl/status/status.h"
#include "core/batch.h"
#include "core/buffer.h"
#include "core/embeddings/first_table.h"
#include "core/network.h"
#include "server/models/commands.h"
#include "server/models/errors.h"

namespace descent::models {

// In floating point, so that no product of sizes overflows.
using MultiplyAdds = double;

inline MultiplyAdds ForwardCost(const Network& network, std::int64_t rows) {
  return static_cast<double>(rows) * network.row_cost();
}

// What reading the tables takes beside that: rows may name any number of categories.
inline MultiplyAdds TablesCost(const Network& network, const Categories& categories) {
  double numbers = 0;
  for (std::size_t i = 0; i < categories.size(); ++i) {
    numbers += static_cast<double>(categories[i].size()) *
               static_cast<double>(network.tables()[i].dimension);
  }
  return numbers;
}

// Forward, and two products of the same size backward.
inline MultiplyAdds GradientCost(const Network& network, std::int64_t rows) {
  return 3 * ForwardCost(network, rows);
}

// One pass over all parameters, gradient and slots.
inline MultiplyAdds ParametersCost(const Network& network) {
  return 4 * static_cast<double>(network.layout().parameter_count());
}

// The same for an update, which passes over what a batch names of the tables.
inline MultiplyAdds UpdateCost(const Network& network) {
  return 4 * static_cast<double>(network.layout().dense_size());
}

// What gradients of tables take, and an update of the rows they name with its `slots`.
inline double TableGradientBytes(const Network& network, const Categories& categories, int slots) {
  constexpr double kSortedValue = 16;  // its place in the order, and its row
  double bytes = 0;
  for (std::size_t i = 0; i < categories.size(); ++i) {
    const PlacedTable& table = network.tables()[i];
    const std::int64_t rows = std::min(categories[i].size(), table.buckets);
    bytes += kSortedValue * static_cast<double>(categories[i].size()) +
             (3 + slots) * static_cast<double>(rows) * static_cast<double>(table.dimension) *
                 static_cast<double>(ByteWidth(network.data_type()));
  }
  return bytes;
}

// What so many matrices for each layer take: z and a of a prediction, z, a and Δ of a gradient.
inline double PassBytes(const Network& network, std::int64_t rows, int matrices) {
  return matrices * network.values_per_row() * static_cast<double>(rows) *
         static_cast<double>(ByteWidth(network.data_type()));
}

// The most numbers that the gradient of a parameter has: of a table the rows that are named, each
// with its own number.
inline double GradientNumbers(const Network& network, int parameter, const Categories& categories) {
  constexpr double kRowNumber = 2;
  const auto parameters = network.layout().parameters();
  const auto index = static_cast<std::size_t>(parameter);
  if (!parameters[index].is_table) return static_cast<double>(parameters[index].size);
  const std::size_t table = index - FirstTable(network);
  const PlacedTable& placed = network.tables()[table];
  return static_cast<double>(std::min(categories[table].size(), placed.buckets)) *
         (static_cast<double>(placed.dimension) + kRowNumber);
}

// RESOURCE_EXHAUSTED (BATCH_TOO_LARGE) when z, a and Δ of all layers for so many rows take more
// than `limit` bytes: a few wide layers after narrow inputs make much of a small message.
inline absl::Status CheckPassSize(const Network& network, std::int64_t rows, std::size_t limit) {
  const double bytes = PassBytes(network, rows, /*matrices=*/3);
  return bytes <= static_cast<double>(limit) ? absl::OkStatus() : BatchTooLarge(rows, bytes, limit);
}

inline std::size_t ByteSize(const Matrix& matrix) { return matrix.buffer().capacity(); }

inline std::size_t ByteSize(const Targets& targets) {
  if (const auto* values = std::get_if<Matrix>(&targets)) return ByteSize(*values);
  return std::get<ClassIndices>(targets).capacity() * sizeof(ClassIndices::value_type);
}

inline std::size_t ByteSize(const Batch& batch) {
  return ByteSize(batch.inputs) + ByteSize(batch.targets) + ByteSize(batch.weights) +
         ByteSize(batch.categories);
}

// The bytes of the tensors that come with a command, which are there until it is done.
inline std::size_t ByteSize(const PredictCommand& command) {
  return ByteSize(command.inputs) + ByteSize(command.categories);
}

inline std::size_t ByteSize(const ForwardCommand& command) {
  return ByteSize(command.inputs) + ByteSize(command.categories);
}

inline std::size_t ByteSize(const GradientCommand& command) {
  return ByteSize(command.inputs) + ByteSize(command.categories) + ByteSize(command.weights) +
         std::visit([](const auto& cotangent) { return ByteSize(cotangent); }, command.cotangent);
}

inline std::size_t ByteSize(const StepCommand& command) {
  if (const auto* batch = std::get_if<Batch>(&command.update)) return ByteSize(*batch);
  const auto& update = std::get<GradientUpdate>(command.update);
  return update.gradients.capacity() + update.tables.byte_size();
}

inline std::size_t ByteSize(const SetParametersCommand& command) {
  return command.values.capacity();
}

}  // namespace descent::models

#endif  // SERVER_MODELS_WORK_COST_H_
