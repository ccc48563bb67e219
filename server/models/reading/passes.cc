#include "server/models/reading/passes.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/embeddings/first_table.h"
#include "core/gradient_norm.h"
#include "core/status_macros.h"
#include "server/models/reading/finite_answers.h"

namespace descent::models {
namespace {

// Copies `rows` rows of `from`, beginning at `row`, over the rows of `to` that begin at `to_row`.
void CopyRows(const Matrix& from, std::int64_t row, std::int64_t rows, std::int64_t to_row,
              Matrix* to) {
  const std::size_t width = static_cast<std::size_t>(from.cols()) * ByteWidth(from.type());
  if (width == 0) return;
  std::memcpy(to->buffer().bytes() + static_cast<std::size_t>(to_row) * width,
              from.buffer().bytes() + static_cast<std::size_t>(row) * width,
              static_cast<std::size_t>(rows) * width);
}

// What is answered of rows [row, row + rows) of the outputs, in the targets' terms unless `raw`.
absl::StatusOr<PredictOutcome> TakeOutputs(const Network& network, std::int64_t step,
                                           const Matrix& outputs, std::int64_t row,
                                           std::int64_t rows, bool raw) {
  Matrix taken = Matrix::ForOverwrite(network.data_type(), rows, outputs.cols());
  CopyRows(outputs, row, rows, 0, &taken);
  RETURN_IF_ERROR(CheckFinite("outputs", taken));
  if (!raw) {
    WithElementType(network.data_type(), [&](auto zero) {
      network.loss().ToTargetTerms(taken.data<decltype(zero)>(), rows, taken.cols());
    });
    RETURN_IF_ERROR(CheckFiniteInTargetTerms(taken));
  }
  return PredictOutcome{.step = step, .outputs = std::move(taken)};
}

// Of a pass that is not one of training.
PassOptions OptionsFor(const Snapshot& snapshot, const Categories& categories, ThreadPool* pool) {
  return {.pool = pool, .statistics = snapshot.statistics().get(), .categories = &categories};
}

// The categories of all commands, one behind the other.
Categories MergeCategories(const Network& network,
                           absl::Span<const PredictCommand* const> commands) {
  Categories merged;
  std::vector<const CategoryValues*> parts(commands.size());
  for (std::size_t t = 0; t < network.tables().size(); ++t) {
    for (std::size_t i = 0; i < commands.size(); ++i) parts[i] = &commands[i]->categories[t];
    merged.push_back(Concatenate(parts));
  }
  return merged;
}

// The 2-norm of one parameter's gradient.
double NormOf(const Network& network, std::size_t parameter, const Buffer& gradients,
              const TableGradients& tables) {
  const auto parameters = network.layout().parameters();
  const ParameterInfo& info = parameters[parameter];
  if (!info.is_table) return RangeNorm(gradients, info.offset, info.size);
  const std::size_t table = parameter - FirstTable(network);
  const TableGradients::Range range = tables.RangeOf(network.tables(), table);
  return RangeNorm(tables.values, range.begin, range.size);
}

std::vector<int> OrAll(std::vector<int> parameters, const ParameterLayout& layout) {
  if (parameters.empty()) {
    parameters.resize(layout.parameters().size());
    std::iota(parameters.begin(), parameters.end(), 0);
  }
  return parameters;
}

}  // namespace

absl::StatusOr<PredictOutcome> RunPredict(const Network& network, const Snapshot& snapshot,
                                          const PredictCommand& command, ThreadPool* pool,
                                          ReadWorkspace* workspace) {
  network.Forward(snapshot.parameters(), command.inputs,
                  OptionsFor(snapshot, command.categories, pool), &workspace->network);
  return TakeOutputs(network, snapshot.step(), workspace->network.outputs(), 0,
                     command.inputs.rows(), command.raw_outputs);
}

std::vector<absl::StatusOr<PredictOutcome>> RunPredict(
    const Network& network, const Snapshot& snapshot,
    absl::Span<const PredictCommand* const> commands, ThreadPool* pool, ReadWorkspace* workspace) {
  std::vector<absl::StatusOr<PredictOutcome>> outcomes;
  outcomes.reserve(commands.size());
  if (commands.size() == 1) {
    outcomes.push_back(RunPredict(network, snapshot, *commands.front(), pool, workspace));
    return outcomes;
  }
  std::int64_t rows = 0;
  for (const PredictCommand* command : commands) rows += command->inputs.rows();
  workspace->merged_inputs.Resize(network.data_type(), rows, network.input_features());
  std::int64_t row = 0;
  for (const PredictCommand* command : commands) {
    CopyRows(command->inputs, 0, command->inputs.rows(), row, &workspace->merged_inputs);
    row += command->inputs.rows();
  }
  const Categories categories = MergeCategories(network, commands);
  network.Forward(snapshot.parameters(), workspace->merged_inputs,
                  OptionsFor(snapshot, categories, pool), &workspace->network);
  row = 0;
  for (const PredictCommand* command : commands) {
    outcomes.push_back(TakeOutputs(network, snapshot.step(), workspace->network.outputs(), row,
                                   command->inputs.rows(), command->raw_outputs));
    row += command->inputs.rows();
  }
  return outcomes;
}

absl::StatusOr<ForwardOutcome> RunForward(const Network& network, const Snapshot& snapshot,
                                          const ForwardCommand& command, ThreadPool* pool,
                                          ReadWorkspace* workspace) {
  PassOptions options = OptionsFor(snapshot, command.categories, pool);
  options.keep_all = true;
  network.Forward(snapshot.parameters(), command.inputs, options, &workspace->network);
  const Workspace& pass = workspace->network;
  ForwardOutcome outcome;
  outcome.step = snapshot.step();
  for (std::size_t l = 0; l < pass.activations.size(); ++l) {
    const PlacedLayer& layer = network.layers()[l];
    const Matrix& a = pass.activations[l];
    if (layer.has_pre_activation) {
      const Matrix& z = pass.pre_activations[l];
      RETURN_IF_ERROR(CheckFinite(absl::StrCat("layers[", l, "].pre_activation"), z));
      outcome.pre_activations.push_back(z.Clone());
    } else {
      outcome.pre_activations.emplace_back();
    }
    RETURN_IF_ERROR(CheckFinite(absl::StrCat("layers[", l, "].activation"), a));
    outcome.activations.push_back(a.Clone());
  }
  return outcome;
}

absl::StatusOr<GradientOutcome> RunGradient(const Network& network, const Snapshot& snapshot,
                                            const GradientCommand& command, ThreadPool* pool,
                                            ReadWorkspace* workspace) {
  GradientOutcome outcome;
  outcome.step = snapshot.step();
  outcome.parameters = OrAll(command.parameters, network.layout());
  Workspace* const pass = &workspace->network;
  PassOptions options = OptionsFor(snapshot, command.categories, pool);
  std::shared_ptr<const InputStatistics> merged;
  if (command.training) {
    merged = network.MergeStatistics(snapshot.statistics(), command.inputs);
    options.statistics = merged.get();
    options.training_step = snapshot.step();
  }
  network.Forward(snapshot.parameters(), command.inputs, options, pass);
  if (const auto* targets = std::get_if<Targets>(&command.cotangent)) {
    outcome.loss = network.EvaluateLoss(*targets, command.weights, pass);
    RETURN_IF_ERROR(CheckFiniteLoss(outcome.loss, command.weights, *pass));
  } else {
    network.SetOutputGradient(std::get<Matrix>(command.cotangent), pass);
  }
  network.Backward(snapshot.parameters(), command.inputs, pool, pass, &workspace->gradients,
                   command.input_gradient ? &outcome.input_gradient : nullptr);
  const ParameterLayout& layout = network.layout();
  TableGradients& tables = outcome.tables;
  if (!network.tables().empty()) network.BackwardTables(command.categories, pool, pass, &tables);
  outcome.gradient_norm = GradientNorm(workspace->gradients, layout.dense_size(), tables.values,
                                       pool, &workspace->norm_scratch);
  RETURN_IF_ERROR(CheckFiniteGradient(outcome.gradient_norm, *pass));
  RETURN_IF_ERROR(CheckFinite("input_gradient", outcome.input_gradient));
  if (command.norms_only) {
    for (const int i : outcome.parameters) {
      outcome.norms.push_back(
          NormOf(network, static_cast<std::size_t>(i), workspace->gradients, tables));
    }
    tables = TableGradients();
  } else {
    outcome.gradients = workspace->gradients.Clone();
    const auto is_table = [&](int i) {
      return network.layout().parameters()[static_cast<std::size_t>(i)].is_table;
    };
    if (std::ranges::none_of(outcome.parameters, is_table)) tables = TableGradients();
  }
  return outcome;
}

GetParametersOutcome RunGetParameters(const Network& network, const Snapshot& snapshot,
                                      std::vector<int> parameters) {
  return {.step = snapshot.step(),
          .parameters = OrAll(std::move(parameters), network.layout()),
          .snapshot = snapshot};
}

}  // namespace descent::models
