#include "core/layers/layer_norm.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/kernels/lane_sums.h"
#include "core/kernels/packet.h"
#include "core/kernels/row_ranges.h"
#include "core/kernels/sum_rows.h"

namespace descent {
namespace {

using kernels::ForEachPacket;
using kernels::LaneSums;
using kernels::Packet;

// x̂ of one row; gives back r.
template <typename T>
T NormalizeRow(const T* x, std::int64_t width, T epsilon, T* normalized) {
  const auto count = static_cast<T>(width);
  LaneSums<T> sums;
  ForEachPacket<T>(width, [&](auto slice) { sums.Add(slice, slice.Load(x)); });
  const T mean = sums.Total() / count;
  LaneSums<T> squares;
  ForEachPacket<T>(width, [&](auto slice) {
    const Packet<T> centered = slice.Filled(slice.Load(x) - mean, 0);
    slice.Store(centered, normalized);
    squares.AddProduct(slice, centered, centered);
  });
  const T scale = T(1) / std::sqrt(squares.Total() / count + epsilon);
  ForEachPacket<T>(width,
                   [&](auto slice) { slice.Store(slice.Load(normalized) * scale, normalized); });
  return scale;
}

// ∂L/∂x of one row.
template <typename T>
void RowGradient(const T* delta, const T* gain, const T* normalized, T scale, std::int64_t width,
                 T* gradient) {
  const auto count = static_cast<T>(width);
  LaneSums<T> sums;
  LaneSums<T> products;
  ForEachPacket<T>(width, [&](auto slice) {
    const Packet<T> h = slice.Filled(slice.Load(delta) * slice.Load(gain), 0);
    sums.Add(slice, h);
    products.AddProduct(slice, h, slice.Filled(slice.Load(normalized), 0));
  });
  const T mean = sums.Total() / count;
  const T slope = products.Total() / count;
  ForEachPacket<T>(width, [&](auto slice) {
    const Packet<T> h = slice.Load(delta) * slice.Load(gain);
    const Packet<T> rest = h - mean - slice.Load(normalized) * slope;
    slice.Store(rest * scale, gradient);
  });
}

// sums[j] = Σ_i a[i, j] b[i, j], the rows in order.
template <typename T>
void SumRowProducts(const T* a, const T* b, std::int64_t rows, std::int64_t width, T* sums) {
  std::fill_n(sums, width, T(0));
  for (std::int64_t i = 0; i < rows; ++i) {
    ForEachPacket<T>(width, [&, offset = i * width](auto slice) {
      slice.Store(MulAdd(slice.Load(a + offset), slice.Load(b + offset), slice.Load(sums)), sums);
    });
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Layer>> LayerNormLayer::Create(const LayerNormSpec& spec,
                                                              std::int64_t inputs) {
  if (!(spec.epsilon > 0) || !std::isfinite(spec.epsilon)) {
    return InvalidField("epsilon", absl::StrCat("expected a number > 0, got ", spec.epsilon));
  }
  return std::unique_ptr<Layer>(new LayerNormLayer(spec, inputs));
}

std::vector<LayerParameter> LayerNormLayer::Parameters() const {
  std::vector<LayerParameter> parameters = {
      {.role = "gain",
       .shape = {units()},
       .initializer = {.kind = InitializerKind::kConstant, .scale = 1},
       .is_per_unit = true}};
  if (!spec_.omit_bias) {
    parameters.push_back({.role = "bias",
                          .shape = {units()},
                          .initializer = {.kind = InitializerKind::kZeros, .scale = {}},
                          .is_per_unit = true});
  }
  return parameters;
}

void LayerNormLayer::Place(absl::Span<const std::int64_t> offsets) {
  gain_ = offsets[0];
  bias_ = spec_.omit_bias ? -1 : offsets[1];
}

template <typename T>
void LayerNormLayer::ForwardAs(const ForwardPass<T>& pass) const {
  const std::int64_t width = units();
  const T* const gain = pass.parameters + gain_;
  const T* const bias = bias_ < 0 ? nullptr : pass.parameters + bias_;
  kernels::ForEachRowBlock(pass.rows, width, pass.pool, [&](std::int64_t row, std::int64_t count) {
    for (std::int64_t i = row; i < row + count; ++i) {
      T* const normalized = pass.kept + i * width;
      T* const outputs = pass.outputs + i * width;
      pass.kept_rows[i] =
          NormalizeRow(pass.inputs + i * width, width, static_cast<T>(spec_.epsilon), normalized);
      ForEachPacket<T>(width, [&](auto slice) {
        const Packet<T> start = bias == nullptr ? Packet<T>(0) : slice.Load(bias);
        slice.Store(MulAdd(slice.Load(gain), slice.Load(normalized), start), outputs);
      });
    }
  });
}

template <typename T>
void LayerNormLayer::BackwardAs(const BackwardPass<T>& pass) const {
  const std::int64_t width = units();
  const T* const gain = pass.parameters + gain_;
  SumRowProducts(pass.delta, pass.kept, pass.rows, width, pass.gradients + gain_);
  if (bias_ >= 0) {
    kernels::SumRows(pass.delta, pass.rows, width, 0, width, pass.gradients + bias_);
  }
  const DeltaBelow<T>& below = pass.below;
  if (below.delta == nullptr) return;
  kernels::ForEachRowBlock(pass.rows, width, pass.pool, [&](std::int64_t row, std::int64_t count) {
    for (std::int64_t i = row; i < row + count; ++i) {
      RowGradient(pass.delta + i * width, gain, pass.kept + i * width, pass.kept_rows[i], width,
                  below.delta + i * width);
    }
    below.Finish(row, count, 0, width);
  });
}

template void LayerNormLayer::ForwardAs(const ForwardPass<float>&) const;
template void LayerNormLayer::ForwardAs(const ForwardPass<double>&) const;
template void LayerNormLayer::BackwardAs(const BackwardPass<float>&) const;
template void LayerNormLayer::BackwardAs(const BackwardPass<double>&) const;

}  // namespace descent
