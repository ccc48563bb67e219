// A network of layers (core/layers/) and its back-propagation, for any depth.
//
// For layers l = 0 … D-1 and a batch X of n rows (A⁰ = X, normalised if the network does so), each
// a function f of what it reads:
//
//   A^{l+1} = f_l(A^l)      w = A^D      ∂L/∂A^l = J_{f_l}ᵀ ∂L/∂A^{l+1}
//
// which is for dense layers, with Δ^l = ∂L/∂Z^l and W^l of shape [inputs, units],
//
//   Z^l = A^l W^l + 1 b^lᵀ               A^{l+1} = σ_l(Z^l)
//   Δ^{D-1} = ∂L/∂A^D ∘ σ′(Z^{D-1})      ∂L/∂W^l = (A^l)ᵀ Δ^l      ∂L/∂b^l = Σ_rows Δ^l
//   Δ^{l-1} = (Δ^l (W^l)ᵀ) ∘ σ′(Z^{l-1}) ∂L/∂X = Δ⁰ (W⁰)ᵀ
//
// Every number has the same bits whatever the number of threads; a row's outputs have the same bits
// alone, in any batch and at any place in it.

#ifndef CORE_NETWORK_H_
#define CORE_NETWORK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/batch.h"
#include "core/buffer.h"
#include "core/embeddings/tables.h"
#include "core/input_statistics.h"
#include "core/layers/placed_layers.h"
#include "core/losses/loss.h"
#include "core/parameter_layout.h"
#include "core/spec.h"
#include "core/thread_pool.h"

namespace descent {

// Memory of one pass, a matrix for each of Network::layers(). Grows to the largest batch it has
// seen, then allocates no more. One pass at a time may use it.
struct Workspace {
  std::int64_t rows = 0;
  bool training = false;                // whether the pass is one
  std::vector<Matrix> pre_activations;  // z, or what the layer's kind keeps: [rows, units]
  std::vector<Matrix> row_values;       // what it keeps of each row: [rows, 1], mostly empty
  std::vector<Matrix> activations;      // a: [rows, units]; the last is w
  std::vector<Matrix> deltas;           // Δ, after Backward: [rows, units]
  Matrix normalized_inputs;             // of networks that do: [rows, input_features]
  // Of networks with categorical inputs: what the first layer reads, and the gradient of it.
  Matrix first_inputs;    // [rows, first_width]
  Matrix first_gradient;  // [rows, first_width], after Backward
  TableScratch tables;
  Matrix input_scales;  // what each feature was multiplied by: [1, input_features]
  Matrix row_scales;    // v_i / Σ v: [rows, 1]
  Matrix row_losses;    // ℓ_i, unscaled: [rows, 1]

  const Matrix& outputs() const { return activations.back(); }
  // Bytes held.
  std::size_t byte_size() const;
};

// How a pass is run.
struct PassOptions {
  // Whether every z is kept, or only those that Backward needs.
  bool keep_all = false;
  // Null: one thread.
  ThreadPool* pool = nullptr;
  // By what inputs are normalised, if the network does so. Null: statistics of no rows.
  const InputStatistics* statistics = nullptr;
  // Of networks with categorical inputs, which require them: as many rows as the inputs have.
  const Categories* categories = nullptr;
  // The step of a training pass, whose dropout applies. Unset: nothing is dropped.
  std::optional<std::int64_t> training_step = {};
};

// The description of a network with everything derived from it. Immutable and thread-safe;
// parameters are handed in, as one flat buffer laid out by layout().
class Network {
 public:
  // kInvalidArgument naming the field, relative to the spec: "layers[2].dense.units". A network has
  // at least one layer; sizes whose buffers could not be addressed are refused.
  static absl::StatusOr<std::shared_ptr<const Network>> Create(const NetworkSpec& spec);

  const NetworkSpec& spec() const { return spec_; }
  const ParameterLayout& layout() const { return layout_; }
  const Loss& loss() const { return *loss_; }
  DataType data_type() const { return spec_.data_type; }
  // In the order of a pass, those within a layer before it.
  absl::Span<const PlacedLayer> layers() const { return layers_; }
  std::int64_t input_features() const { return spec_.input_features; }
  std::int64_t outputs() const { return layers_.back().units; }
  bool normalizes_inputs() const { return spec_.input_normalization.has_value(); }
  // The tables of categorical inputs, in the spec's order.
  const std::vector<PlacedTable>& tables() const { return tables_; }

  // Multiply-adds of one row's forward pass, about.
  double row_cost() const { return row_cost_; }
  // Numbers that one row makes: the units of all layers, the normalised inputs, and what the first
  // layer reads if there are categorical inputs.
  double values_per_row() const { return values_per_row_; }

  // Parameters as the spec's initialisers and seed make them.
  Buffer InitialParameters() const;
  // The same, into a buffer of theirs whose gaps are zero. `pool` may be null.
  void Initialize(ThreadPool* pool, Buffer* parameters) const;

  // The statistics with rows `inputs` merged: what a training pass normalises them by. Null if the
  // network does not normalise. Not finite where values are too large for their squares.
  std::shared_ptr<const InputStatistics> MergeStatistics(
      const std::shared_ptr<const InputStatistics>& before, const Matrix& inputs) const;

  // Edge checks of what callers send. kInvalidArgument naming "inputs", "targets", "weights" or
  // "categories[i]", with expected and actual shape, or row and column of a value that is not
  // allowed: rows >= 1, [rows, input_features] of data_type(), every value finite; targets as the
  // loss accepts them; weights >= 0 with a positive sum; categories as ValidateCategoryValues has
  // it.
  absl::Status ValidateInputs(const Matrix& inputs) const;
  absl::Status ValidateTargets(const Targets& targets, std::int64_t rows) const;
  absl::Status ValidateWeights(const Matrix& weights, std::int64_t rows) const;
  absl::Status ValidateCategories(const Categories& categories, std::int64_t rows) const;
  absl::Status ValidateBatch(const Batch& batch) const;

  // Fills workspace->activations, and what else Backward needs. Requires valid inputs.
  void Forward(const Buffer& parameters, const Matrix& inputs, const PassOptions& options,
               Workspace* workspace) const;

  // The loss of what Forward left in the workspace: Σ v_i ℓ_i / Σ v_i, the mean over rows when
  // `weights` is empty. Leaves ∂L/∂w in workspace->deltas.back() for Backward.
  double EvaluateLoss(const Targets& targets, const Matrix& weights, Workspace* workspace) const;

  // The gradient of every parameter but the tables, overwriting `gradients` up to
  // layout().dense_size() (it is resized to that unless it is so long, or as long as layout()),
  // from ∂L/∂w in workspace->deltas.back(): what EvaluateLoss left, or a given output gradient
  // copied there by SetOutputGradient. `input_gradient` ([rows, input_features], resized) may be
  // null. Requires a Forward of the same parameters and inputs.
  void Backward(const Buffer& parameters, const Matrix& inputs, ThreadPool* pool,
                Workspace* workspace, Buffer* gradients, Matrix* input_gradient) const;

  // The gradients of the tables, after Backward of a pass with these categories.
  void BackwardTables(const Categories& categories, ThreadPool* pool, Workspace* workspace,
                      TableGradients* gradients) const;

  // output_gradient: [rows, outputs] as Forward saw rows.
  void SetOutputGradient(const Matrix& output_gradient, Workspace* workspace) const;

 private:
  Network(const NetworkSpec& spec, PlacedLayers placed, std::unique_ptr<Loss> loss);

  template <typename T>
  void ForwardAs(const Buffer& parameters, const Matrix& inputs, const PassOptions& options,
                 Workspace* workspace) const;
  template <typename T>
  double EvaluateLossAs(const Targets& targets, const Matrix& weights, Workspace* workspace) const;
  template <typename T>
  void BackwardAs(const Buffer& parameters, const Matrix& inputs, ThreadPool* pool,
                  Workspace* workspace, Buffer* gradients, Matrix* input_gradient) const;

  // What the first layers read.
  const Matrix& FirstInputs(const Matrix& inputs, const Workspace& workspace) const {
    if (!tables_.empty()) return workspace.first_inputs;
    return normalizes_inputs() ? workspace.normalized_inputs : inputs;
  }
  // Puts the numeric inputs and the blocks of tables side by side.
  template <typename T>
  void JoinInputs(const Buffer& parameters, const Matrix& numeric, const PassOptions& options,
                  ThreadPool* pool, Matrix* first) const;
  // Null for a pass too small to be worth other threads.
  ThreadPool* PoolFor(std::int64_t rows, ThreadPool* pool) const;

  const NetworkSpec spec_;
  const ParameterLayout layout_;
  const std::vector<PlacedLayer> layers_;
  const std::vector<PlacedLayers::Initial> initials_;
  const std::vector<PlacedTable> tables_;
  const std::int64_t first_width_;
  const std::unique_ptr<Loss> loss_;
  double row_cost_ = 0;
  double values_per_row_ = 0;
};

}  // namespace descent

#endif  // CORE_NETWORK_H_
