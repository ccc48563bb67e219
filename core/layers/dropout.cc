#include "core/layers/dropout.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/error.h"
#include "core/kernels/packet.h"
#include "core/kernels/row_ranges.h"
#include "core/philox.h"

namespace descent {
namespace {

constexpr std::uint32_t kPurpose = 0x64726f70;  // "drop"

std::uint32_t Low(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
std::uint32_t High(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }

// The row's factors: `kept` where m is 1, else 0.
template <typename T>
void FillRow(std::array<std::uint32_t, 2> key, std::uint64_t row, std::uint64_t threshold, T kept,
             std::int64_t width, T* factors) {
  for (std::int64_t column = 0; column < width; column += 4) {
    const PhiloxBlock words =
        Philox4x32({static_cast<std::uint32_t>(column / 4), Low(row), High(row), 0}, key);
    const std::int64_t count = std::min<std::int64_t>(4, width - column);
    for (std::int64_t i = 0; i < count; ++i) {
      factors[column + i] = words[static_cast<std::size_t>(i)] >= threshold ? kept : T(0);
    }
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Layer>> DropoutLayer::Create(const DropoutSpec& spec,
                                                            std::int64_t inputs, int place) {
  if (!(spec.rate >= 0 && spec.rate < 1)) {
    return InvalidField("rate", absl::StrCat("expected a number in [0, 1), got ", spec.rate));
  }
  return std::unique_ptr<Layer>(new DropoutLayer(spec.rate, inputs, place));
}

template <typename T>
void DropoutLayer::ForwardAs(const ForwardPass<T>& pass) const {
  const std::int64_t size = pass.rows * units();
  if (pass.dropout == nullptr) {
    std::copy_n(pass.inputs, size, pass.outputs);
    return;
  }
  const std::uint64_t seed = pass.dropout->seed;
  const auto step = static_cast<std::uint64_t>(pass.dropout->step);
  const PhiloxBlock block =
      Philox4x32({Low(step), High(step), static_cast<std::uint32_t>(place_), kPurpose},
                 {Low(seed), High(seed)});
  const auto threshold = static_cast<std::uint64_t>(std::floor(rate_ * 0x1p32 + 0.5));
  const auto kept = static_cast<T>(1 / (1 - rate_));
  kernels::ForEachRowBlock(
      pass.rows, units(), pass.pool, [&](std::int64_t row, std::int64_t count) {
        for (std::int64_t i = row; i < row + count; ++i) {
          T* const factors = pass.kept + i * units();
          FillRow({block[0], block[1]}, static_cast<std::uint64_t>(i), threshold, kept, units(),
                  factors);
          kernels::ForEachPacket<T>(units(), [&, offset = i * units()](auto slice) {
            slice.Store(slice.Load(pass.inputs + offset) * slice.Load(factors),
                        pass.outputs + offset);
          });
        }
      });
}

template <typename T>
void DropoutLayer::BackwardAs(const BackwardPass<T>& pass) const {
  const DeltaBelow<T>& below = pass.below;
  if (below.delta == nullptr) return;
  kernels::ForEachRowBlock(
      pass.rows, units(), pass.pool, [&](std::int64_t row, std::int64_t count) {
        const std::int64_t offset = row * units();
        if (!pass.training) {
          std::copy_n(pass.delta + offset, count * units(), below.delta + offset);
        } else {
          kernels::ForEachPacket<T>(count * units(), [&](auto slice) {
            slice.Store(slice.Load(pass.delta + offset) * slice.Load(pass.kept + offset),
                        below.delta + offset);
          });
        }
        below.Finish(row, count, 0, units());
      });
}

template void DropoutLayer::ForwardAs(const ForwardPass<float>&) const;
template void DropoutLayer::ForwardAs(const ForwardPass<double>&) const;
template void DropoutLayer::BackwardAs(const BackwardPass<float>&) const;
template void DropoutLayer::BackwardAs(const BackwardPass<double>&) const;

}  // namespace descent
