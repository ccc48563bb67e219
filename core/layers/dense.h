// Every unit sees every input: z = x W + b, a = σ(z), with W "kernel" [inputs, units] and b "bias"
// [units].
//
//   ∂L/∂W = xᵀ Δ      ∂L/∂b = Σ_rows Δ      ∂L/∂x = Δ Wᵀ      where Δ = ∂L/∂a ∘ σ′(z)

#ifndef CORE_LAYERS_DENSE_H_
#define CORE_LAYERS_DENSE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/layers/layer.h"

namespace descent {

// Each product carries the elementwise work on its result, while the block is in the cache.
class DenseLayer final : public LayerOfKind<DenseLayer> {
 public:
  // kInvalidArgument naming the field, relative to the spec.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const DenseSpec& spec, std::int64_t inputs);

  std::vector<LayerParameter> Parameters() const override;
  void Place(absl::Span<const std::int64_t> offsets) override;
  double RowCost() const override;
  const Activation* activation() const override { return activation_.get(); }
  bool HasPreActivation() const override { return true; }
  bool Keeps(bool /*training*/) const override {
    return activation_->DerivativeNeedsPreActivation();
  }

  template <typename T>
  void ForwardAs(const ForwardPass<T>& pass) const;
  template <typename T>
  void BackwardAs(const BackwardPass<T>& pass) const;

 private:
  DenseLayer(const DenseSpec& spec, std::int64_t inputs, std::unique_ptr<Activation> activation);

  const DenseSpec spec_;
  const std::unique_ptr<Activation> activation_;
  std::int64_t kernel_ = 0;
  std::int64_t bias_ = -1;  // none
};

}  // namespace descent

#endif  // CORE_LAYERS_DENSE_H_
