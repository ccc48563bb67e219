// What a layer is to its network: the parameters it learns, what a pass keeps of it, what it costs,
// and its two passes. One class a kind; the table of kinds is core/layers/kinds.h.

#ifndef CORE_LAYERS_LAYER_H_
#define CORE_LAYERS_LAYER_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/activations/activation.h"
#include "core/spec.h"
#include "core/thread_pool.h"

namespace descent {

// A tensor that a layer learns.
struct LayerParameter {
  std::string_view role;  // "kernel", in "layers.0.kernel"
  std::vector<std::int64_t> shape;
  InitializerSpec initializer;  // its kind is set
  double gain = 1;              // of the initialiser
  // Whether it is a bias or a gain, one number a unit, which weight decay may be kept from.
  bool is_per_unit = false;
};

// What dropout draws from in a training pass.
struct DropoutKey {
  std::uint64_t seed = 0;
  std::int64_t step = 0;
};

// A layer's part of a forward pass over `rows` rows. All arrays lie in Buffers, rows one behind the
// other.
template <typename T>
struct ForwardPass {
  std::int64_t rows = 0;
  const T* parameters = nullptr;        // the network's, flat
  const T* inputs = nullptr;            // [rows, inputs()]
  const T* branch = nullptr;            // RESIDUAL: f(x), [rows, units()]
  const DropoutKey* dropout = nullptr;  // null but in training passes
  T* kept = nullptr;                    // [rows, units()], null unless the layer Keeps it
  T* kept_rows = nullptr;               // [rows], null unless the layer KeepsRows
  T* outputs = nullptr;                 // [rows, units()]
  ThreadPool* pool = nullptr;
};

// Where the gradient of what a layer has read goes: ∂L/∂a of the layer below on the way, and what
// is left there is its ∂L/∂z. A layer that writes a block of `delta` finishes that block while it
// is in the cache.
template <typename T>
struct DeltaBelow {
  T* delta = nullptr;      // [rows, width]; null: nobody wants it
  std::int64_t width = 0;  // units of the layer below
  // ∂L/∂a of layers that add what is read here to their outputs, [rows, width] each.
  absl::Span<const T* const> skips;
  const Activation* activation = nullptr;  // of the layer below; null: none, or the identity
  const T* pre_activations = nullptr;      // its z, if its derivative needs that
  const T* activations = nullptr;          // its a

  // Whether nothing is left to be done but to multiply by the rectifier's derivative.
  bool IsRectifierOnly() const {
    return activation != nullptr && activation->IsRelu() && skips.empty();
  }
  // Adds the skips and multiplies by the derivative: for rows [row, row + rows), columns
  // [col, col + cols), which hold what this layer sends down.
  void Finish(std::int64_t row, std::int64_t rows, std::int64_t col, std::int64_t cols) const;
};

// A layer's part of a backward pass.
template <typename T>
struct BackwardPass {
  std::int64_t rows = 0;
  const T* parameters = nullptr;
  const T* inputs = nullptr;
  const T* kept = nullptr;
  const T* kept_rows = nullptr;
  const T* delta = nullptr;  // ∂L/∂z, [rows, units()]
  bool training = false;     // whether the forward pass was one
  T* gradients = nullptr;    // the network's, flat
  DeltaBelow<T> below;       // of the layer read from; RESIDUAL: of the last of its own
  ThreadPool* pool = nullptr;
};

// Immutable and thread-safe once placed. A row's outputs depend on that row alone, bit for bit, and
// on its place in the batch in a training pass.
class Layer {
 public:
  Layer(std::int64_t inputs, std::int64_t units) : inputs_(inputs), units_(units) {}
  virtual ~Layer() = default;
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;

  std::int64_t inputs() const { return inputs_; }
  std::int64_t units() const { return units_; }

  // In the order of the flat buffer.
  virtual std::vector<LayerParameter> Parameters() const { return {}; }
  // Where they are in it, in the same order.
  virtual void Place(absl::Span<const std::int64_t> /*offsets*/) {}

  // Multiply-adds of one row's forward pass, about.
  virtual double RowCost() const = 0;
  // σ, if the layer ends with one: whoever writes the gradient of its outputs multiplies by σ′.
  virtual const Activation* activation() const { return nullptr; }
  // Whether the layer has a z beside its a, which a pass keeps when it is to keep all.
  virtual bool HasPreActivation() const { return false; }
  // Whether a pass keeps [rows, units()] or [rows] for Backward, besides the outputs.
  virtual bool Keeps(bool training) const = 0;
  virtual bool KeepsRows() const { return false; }

  virtual void Forward(const ForwardPass<float>& pass) const = 0;
  virtual void Forward(const ForwardPass<double>& pass) const = 0;
  // Overwrites the gradients of the layer's parameters.
  virtual void Backward(const BackwardPass<float>& pass) const = 0;
  virtual void Backward(const BackwardPass<double>& pass) const = 0;

 private:
  const std::int64_t inputs_;
  const std::int64_t units_;
};

// A kind whose passes are the templates ForwardAs and BackwardAs.
template <typename Kind>
class LayerOfKind : public Layer {
 public:
  using Layer::Layer;
  void Forward(const ForwardPass<float>& pass) const final { self().ForwardAs(pass); }
  void Forward(const ForwardPass<double>& pass) const final { self().ForwardAs(pass); }
  void Backward(const BackwardPass<float>& pass) const final { self().BackwardAs(pass); }
  void Backward(const BackwardPass<double>& pass) const final { self().BackwardAs(pass); }

 private:
  const Kind& self() const { return static_cast<const Kind&>(*this); }
};

extern template struct DeltaBelow<float>;
extern template struct DeltaBelow<double>;

}  // namespace descent

#endif  // CORE_LAYERS_LAYER_H_
