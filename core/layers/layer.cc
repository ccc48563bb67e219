#include "core/layers/layer.h"

#include "core/kernels/packet.h"
#include "core/kernels/row_ranges.h"

namespace descent {

template <typename T>
void DeltaBelow<T>::Finish(std::int64_t row, std::int64_t rows, std::int64_t col,
                           std::int64_t cols) const {
  if (skips.empty() && activation == nullptr) return;
  kernels::ForEachRange(width, row, rows, col, cols, [&](std::int64_t offset, std::int64_t n) {
    T* const to = delta + offset;
    for (const T* skip : skips) {
      kernels::ForEachPacket<T>(n, [to, from = skip + offset](auto slice) {
        slice.Store(slice.Load(to) + slice.Load(from), to);
      });
    }
    if (activation == nullptr) return;
    activation->Backward(pre_activations == nullptr ? nullptr : pre_activations + offset,
                         activations + offset, to, n);
  });
}

template struct DeltaBelow<float>;
template struct DeltaBelow<double>;

}  // namespace descent
