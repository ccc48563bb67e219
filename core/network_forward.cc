// The forward pass, of predictions and of updates.

#include <algorithm>

#include "core/check.h"
#include "core/network.h"

namespace descent {

template <typename T>
void Network::JoinInputs(const Buffer& parameters, const Matrix& numeric,
                         const PassOptions& options, ThreadPool* pool, Matrix* first) const {
  DESCENT_CHECK(options.categories != nullptr);
  const std::int64_t rows = numeric.rows();
  first->Resize(data_type(), rows, first_width_);
  if (input_features() > 0) {
    const T* const from = numeric.data<T>();
    T* const to = first->data<T>();
    for (std::int64_t i = 0; i < rows; ++i) {
      std::copy_n(from + i * input_features(), input_features(), to + i * first_width_);
    }
  }
  ReadTables(tables_, parameters, *options.categories, pool, first);
}

template <typename T>
void Network::ForwardAs(const Buffer& parameters, const Matrix& inputs, const PassOptions& options,
                        Workspace* workspace) const {
  const std::int64_t rows = inputs.rows();
  ThreadPool* const pool = PoolFor(rows, options.pool);
  workspace->rows = rows;
  workspace->training = options.training_step.has_value();
  workspace->activations.resize(layers_.size());
  workspace->pre_activations.resize(layers_.size());
  workspace->row_values.resize(layers_.size());
  if (normalizes_inputs()) {
    const auto normalize = [&](const InputStatistics& statistics) {
      statistics.Normalize(*spec_.input_normalization, inputs, pool, &workspace->normalized_inputs,
                           &workspace->input_scales);
    };
    options.statistics != nullptr ? normalize(*options.statistics)
                                  : normalize(InputStatistics(input_features()));
  }
  if (!tables_.empty()) {
    JoinInputs<T>(parameters, normalizes_inputs() ? workspace->normalized_inputs : inputs, options,
                  pool, &workspace->first_inputs);
  }
  const DropoutKey dropout{.seed = spec_.seed, .step = options.training_step.value_or(0)};
  const T* const first = FirstInputs(inputs, *workspace).template data<T>();
  const auto outputs_of = [&](int l) { return workspace->activations[l].template data<T>(); };

  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const PlacedLayer& placed = layers_[l];
    workspace->activations[l].Resize(data_type(), rows, placed.units);
    ForwardPass<T> pass{.rows = rows,
                        .parameters = parameters.data<T>(),
                        .inputs = placed.source < 0 ? first : outputs_of(placed.source),
                        .branch = placed.branch < 0 ? nullptr : outputs_of(placed.branch),
                        .dropout = workspace->training ? &dropout : nullptr,
                        .outputs = workspace->activations[l].template data<T>(),
                        .pool = pool};
    if (placed.Keeps(workspace->training) || (options.keep_all && placed.has_pre_activation)) {
      workspace->pre_activations[l].Resize(data_type(), rows, placed.units);
      pass.kept = workspace->pre_activations[l].template data<T>();
    }
    if (placed.keeps_rows) {
      workspace->row_values[l].Resize(data_type(), rows, 1);
      pass.kept_rows = workspace->row_values[l].template data<T>();
    }
    placed.layer->Forward(pass);
  }
}

void Network::Forward(const Buffer& parameters, const Matrix& inputs, const PassOptions& options,
                      Workspace* workspace) const {
  DESCENT_CHECK(parameters.size() == layout_.size());
  DESCENT_CHECK(inputs.cols() == input_features() && inputs.rows() >= 1);
  WithElementType(data_type(), [&](auto zero) {
    ForwardAs<decltype(zero)>(parameters, inputs, options, workspace);
  });
}

}  // namespace descent
