// A residual: a = x + f(x), where f are layers of its own, which its network runs before it. The
// gradient goes down both ways: ∂L/∂x = Δ + J_fᵀ Δ, where the first layer of f, which sends J_fᵀ Δ,
// adds Δ as a skip. Source: He et al. (2016), "Identity mappings in deep residual networks".

#ifndef CORE_LAYERS_RESIDUAL_H_
#define CORE_LAYERS_RESIDUAL_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "core/layers/layer.h"

namespace descent {

class ResidualLayer final : public LayerOfKind<ResidualLayer> {
 public:
  // kInvalidArgument (field "layers") unless branch_units, those of the last of its layers, are as
  // many as its inputs.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(std::int64_t inputs,
                                                       std::int64_t branch_units);

  double RowCost() const override { return static_cast<double>(units()); }
  bool Keeps(bool /*training*/) const override { return false; }

  template <typename T>
  void ForwardAs(const ForwardPass<T>& pass) const;
  template <typename T>
  void BackwardAs(const BackwardPass<T>& pass) const;

 private:
  explicit ResidualLayer(std::int64_t inputs) : LayerOfKind(inputs, inputs) {}
};

}  // namespace descent

#endif  // CORE_LAYERS_RESIDUAL_H_
