// Layer normalisation over each row's w features, with g "gain" [w] and b "bias" [w]:
//
//   μ = Σ x / w      v = Σ (x − μ)² / w      r = 1 / √(v + ε)      x̂ = (x − μ) r      a = g ∘ x̂ + b
//
//   ∂L/∂g = Σ_rows Δ ∘ x̂      ∂L/∂b = Σ_rows Δ
//   ∂L/∂x = r (h − Σ h / w − x̂ Σ (h ∘ x̂) / w)      where h = Δ ∘ g
//
// The definition of torch.nn.LayerNorm. Source: Ba, Kiros & Hinton (2016), arXiv:1607.06450.

#ifndef CORE_LAYERS_LAYER_NORM_H_
#define CORE_LAYERS_LAYER_NORM_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/layers/layer.h"

namespace descent {

// Sums over a row are formed as core/kernels/lane_sums.h says. A pass keeps x̂ and r.
class LayerNormLayer final : public LayerOfKind<LayerNormLayer> {
 public:
  // kInvalidArgument (field "epsilon") unless it is finite and > 0.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerNormSpec& spec,
                                                       std::int64_t inputs);

  std::vector<LayerParameter> Parameters() const override;
  void Place(absl::Span<const std::int64_t> offsets) override;
  double RowCost() const override { return 8 * static_cast<double>(units()); }
  bool Keeps(bool /*training*/) const override { return true; }
  bool KeepsRows() const override { return true; }

  template <typename T>
  void ForwardAs(const ForwardPass<T>& pass) const;
  template <typename T>
  void BackwardAs(const BackwardPass<T>& pass) const;

 private:
  LayerNormLayer(const LayerNormSpec& spec, std::int64_t inputs)
      : LayerOfKind(inputs, inputs), spec_(spec) {}

  const LayerNormSpec spec_;
  std::int64_t gain_ = 0;
  std::int64_t bias_ = -1;  // none
};

}  // namespace descent

#endif  // CORE_LAYERS_LAYER_NORM_H_
