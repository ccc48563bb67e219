// A network of dense layers and its back-propagation, for any depth.
//
// For layers l = 0 … D-1 and a batch X of n rows (A⁰ = X; W^l is [inputs, units]):
//
//   Z^l = A^l W^l + 1 b^lᵀ               A^{l+1} = σ_l(Z^l)        w = A^D
//   Δ^{D-1} = ∂L/∂A^D ∘ σ′(Z^{D-1})      ∂L/∂W^l = (A^l)ᵀ Δ^l      ∂L/∂b^l = Σ_rows Δ^l
//   Δ^{l-1} = (Δ^l (W^l)ᵀ) ∘ σ′(Z^{l-1}) ∂L/∂X = Δ⁰ (W⁰)ᵀ
//
// Every number has the same bits whatever the number of threads; a row's outputs have the same bits
// alone, in any batch and at any place in it.

#ifndef CORE_NETWORK_H_
#define CORE_NETWORK_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/activations/activation.h"
#include "core/batch.h"
#include "core/buffer.h"
#include "core/losses/loss.h"
#include "core/parameter_layout.h"
#include "core/spec.h"
#include "core/thread_pool.h"

namespace descent {

// Memory of one pass. Grows to the largest batch it has seen, then allocates no more. One pass at a
// time may use it.
struct Workspace {
  std::int64_t rows = 0;
  std::vector<Matrix> pre_activations;  // z of layer l: [rows, units]; see Network::Forward
  std::vector<Matrix> activations;      // a of layer l: [rows, units]; the last is w
  std::vector<Matrix> deltas;           // Δ of layer l: [rows, units], after Backward
  Matrix row_scales;                    // v_i / Σ v: [rows, 1]
  Matrix row_losses;                    // ℓ_i, unscaled: [rows, 1]

  const Matrix& outputs() const { return activations.back(); }
  // Bytes held.
  std::size_t byte_size() const;
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
  int depth() const { return static_cast<int>(spec_.layers.size()); }
  std::int64_t input_features() const { return spec_.input_features; }
  std::int64_t outputs() const { return spec_.layers.back().units; }

  // Parameters as the spec's initialisers and seed make them.
  Buffer InitialParameters() const;

  // Edge checks of what callers send. kInvalidArgument naming "inputs", "targets" or "weights",
  // with expected and actual shape, or row and column of a value that is not allowed: rows >= 1,
  // [rows, input_features] of data_type(), every value finite; targets as the loss accepts them;
  // weights >= 0 with a positive sum.
  absl::Status ValidateInputs(const Matrix& inputs) const;
  absl::Status ValidateTargets(const Targets& targets, std::int64_t rows) const;
  absl::Status ValidateWeights(const Matrix& weights, std::int64_t rows) const;
  absl::Status ValidateBatch(const Batch& batch) const;

  // Fills workspace->activations, and ->pre_activations of the layers whose derivative needs them,
  // or of all when `keep_all`. Requires valid inputs. `pool` may be null: one thread.
  void Forward(const Buffer& parameters, const Matrix& inputs, bool keep_all, ThreadPool* pool,
               Workspace* workspace) const;

  // The loss of what Forward left in the workspace: Σ v_i ℓ_i / Σ v_i, the mean over rows when
  // `weights` is empty. Leaves ∂L/∂w in workspace->deltas.back() for Backward.
  double EvaluateLoss(const Targets& targets, const Matrix& weights, Workspace* workspace) const;

  // The gradient of every parameter, overwriting `gradients` (laid out by layout()), from ∂L/∂w in
  // workspace->deltas.back(): what EvaluateLoss left, or a given output gradient copied there by
  // SetOutputGradient. `input_gradient` ([rows, input_features], resized) may be null. Requires a
  // Forward of the same parameters and inputs.
  void Backward(const Buffer& parameters, const Matrix& inputs, ThreadPool* pool,
                Workspace* workspace, Buffer* gradients, Matrix* input_gradient) const;

  // output_gradient: [rows, outputs] as Forward saw rows.
  void SetOutputGradient(const Matrix& output_gradient, Workspace* workspace) const;

 private:
  explicit Network(const NetworkSpec& spec);

  template <typename T>
  void ForwardAs(const Buffer& parameters, const Matrix& inputs, bool keep_all, ThreadPool* pool,
                 Workspace* workspace) const;
  template <typename T>
  double EvaluateLossAs(const Targets& targets, const Matrix& weights, Workspace* workspace) const;
  template <typename T>
  void BackwardAs(const Buffer& parameters, const Matrix& inputs, ThreadPool* pool,
                  Workspace* workspace, Buffer* gradients, Matrix* input_gradient) const;

  NetworkSpec spec_;
  ParameterLayout layout_;
  std::vector<std::unique_ptr<Activation>> activations_;
  std::unique_ptr<Loss> loss_;
};

}  // namespace descent

#endif  // CORE_NETWORK_H_
