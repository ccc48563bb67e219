// Dropout: in training passes a = x ∘ m / (1 − rate), where each m is 1 with probability 1 − rate
// and 0 otherwise; in all others a = x.
//
// m is a function of (seed, layer, step, row, column) alone. With Philox 4x32-10 as in
// core/philox.h, whose counter and key are given least significant word first:
//
//   key  = the first two words of Philox({step, step >> 32, layer, 0x64726f70}, {seed, seed >> 32})
//   word = word (column mod 64) / 16 of Philox({block, row, row >> 32, 0}, key)
//   m    = word >= round(rate 2³²)
//
// where block = 16 ⌊column / 64⌋ + column mod 16, so that 16 blocks are the words of 64 columns one
// behind the other; `layer` is the layer's place in the network, depth first, and `row` is the
// row's place in the batch. Source: Srivastava et al. (2014), JMLR 15, 1929-1958.

#ifndef CORE_LAYERS_DROPOUT_H_
#define CORE_LAYERS_DROPOUT_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "core/layers/layer.h"

namespace descent {

class DropoutLayer final : public LayerOfKind<DropoutLayer> {
 public:
  // kInvalidArgument (field "rate") unless 0 <= rate < 1. `place`: among the network's layers.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const DropoutSpec& spec, std::int64_t inputs,
                                                       int place);

  double RowCost() const override { return 4 * static_cast<double>(units()); }
  bool Keeps(bool training) const override { return training; }

  template <typename T>
  void ForwardAs(const ForwardPass<T>& pass) const;
  template <typename T>
  void BackwardAs(const BackwardPass<T>& pass) const;

 private:
  DropoutLayer(double rate, std::int64_t inputs, int place)
      : LayerOfKind(inputs, inputs), rate_(rate), place_(place) {}

  const double rate_;
  const int place_;
};

}  // namespace descent

#endif  // CORE_LAYERS_DROPOUT_H_
