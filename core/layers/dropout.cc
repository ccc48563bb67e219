#include "core/layers/dropout.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/error.h"
#include "core/kernels/packet.h"
#include "core/kernels/row_ranges.h"
#include "core/philox.h"

namespace descent {
namespace {

constexpr std::uint32_t kPurpose = 0x64726f70;  // "drop"

// So many blocks are drawn at once, in registers as wide as there are.
constexpr int kBlocks = 16;

// The words of blocks [first, first + kBlocks) of a row: all first ones, all second ones and so on.
struct Words {
  alignas(64) std::uint32_t at[4 * kBlocks];
};

// core/philox.h's, with the blocks side by side. Loops that are unrolled before they are vectorised
// stay scalar.
void DrawWords(std::uint32_t first, std::uint64_t row, std::array<std::uint32_t, 2> key,
               Words* words) {
  alignas(64) std::uint32_t c0[kBlocks];
  alignas(64) std::uint32_t c1[kBlocks];
  alignas(64) std::uint32_t c2[kBlocks];
  alignas(64) std::uint32_t c3[kBlocks];
#pragma GCC unroll 1
  for (int i = 0; i < kBlocks; ++i) {
    c0[i] = first + static_cast<std::uint32_t>(i);
    c1[i] = LowWord(row);
    c2[i] = HighWord(row);
    c3[i] = 0;
  }
#pragma GCC unroll 1
  for (int round = 0; round < 10; ++round) {
#pragma GCC unroll 1
    for (int i = 0; i < kBlocks; ++i) {
      const std::uint64_t product0 = std::uint64_t{0xD2511F53U} * c0[i];
      const std::uint64_t product1 = std::uint64_t{0xCD9E8D57U} * c2[i];
      const std::uint32_t next0 = HighWord(product1) ^ c1[i] ^ key[0];
      const std::uint32_t next2 = HighWord(product0) ^ c3[i] ^ key[1];
      c0[i] = next0;
      c1[i] = LowWord(product1);
      c2[i] = next2;
      c3[i] = LowWord(product0);
    }
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
#pragma GCC unroll 1
  for (int i = 0; i < kBlocks; ++i) {
    words->at[i] = c0[i];
    words->at[kBlocks + i] = c1[i];
    words->at[2 * kBlocks + i] = c2[i];
    words->at[3 * kBlocks + i] = c3[i];
  }
}

// The row's factors: `kept` where m is 1, else 0.
template <typename T>
void FillRow(std::array<std::uint32_t, 2> key, std::uint64_t row, std::uint64_t threshold, T kept,
             std::int64_t width, T* factors) {
  constexpr std::int64_t kColumns = 4 * kBlocks;
  if (threshold > std::numeric_limits<std::uint32_t>::max()) {
    std::fill_n(factors, width, T(0));
    return;
  }
  const auto least = static_cast<std::uint32_t>(threshold);
  for (std::int64_t column = 0; column < width; column += kColumns) {
    Words words;
    DrawWords(static_cast<std::uint32_t>(column / 4), row, key, &words);
    const std::int64_t count = std::min(kColumns, width - column);
#pragma GCC unroll 1
    for (std::int64_t i = 0; i < count; ++i)
      factors[column + i] = words.at[i] >= least ? kept : T(0);
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
      Philox4x32({LowWord(step), HighWord(step), static_cast<std::uint32_t>(place_), kPurpose},
                 {LowWord(seed), HighWord(seed)});
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
