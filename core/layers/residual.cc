#include "core/layers/residual.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/kernels/packet.h"
#include "core/kernels/row_ranges.h"

namespace descent {

absl::StatusOr<std::unique_ptr<Layer>> ResidualLayer::Create(std::int64_t inputs,
                                                             std::int64_t branch_units) {
  if (branch_units != inputs) {
    return InvalidField("layers",
                        absl::StrCat("expected the last to have the ", inputs,
                                     " units of what is added to it, got ", branch_units));
  }
  return std::unique_ptr<Layer>(new ResidualLayer(inputs));
}

template <typename T>
void ResidualLayer::ForwardAs(const ForwardPass<T>& pass) const {
  kernels::ForEachRowBlock(
      pass.rows, units(), pass.pool, [&](std::int64_t row, std::int64_t count) {
        kernels::ForEachPacket<T>(count * units(), [&, offset = row * units()](auto slice) {
          slice.Store(slice.Load(pass.inputs + offset) + slice.Load(pass.branch + offset),
                      pass.outputs + offset);
        });
      });
}

template <typename T>
void ResidualLayer::BackwardAs(const BackwardPass<T>& pass) const {
  kernels::ForEachRowBlock(
      pass.rows, units(), pass.pool, [&](std::int64_t row, std::int64_t count) {
        std::copy_n(pass.delta + row * units(), count * units(), pass.below.delta + row * units());
        pass.below.Finish(row, count, 0, units());
      });
}

template void ResidualLayer::ForwardAs(const ForwardPass<float>&) const;
template void ResidualLayer::ForwardAs(const ForwardPass<double>&) const;
template void ResidualLayer::BackwardAs(const BackwardPass<float>&) const;
template void ResidualLayer::BackwardAs(const BackwardPass<double>&) const;

}  // namespace descent
