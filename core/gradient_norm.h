// The 2-norm of a gradient.

#ifndef CORE_GRADIENT_NORM_H_
#define CORE_GRADIENT_NORM_H_

#include <cstdint>
#include <vector>

#include "core/buffer.h"
#include "core/thread_pool.h"

namespace descent {

// The 2-norm of a whole flat buffer, summed in double over chunks of fixed size, so that it has the
// same bits for any number of threads. Not finite exactly when an element is not, or when the norm
// is beyond a double. `pool` may be null; `scratch` is kept by the caller so that nothing is
// allocated once it is warm.
double GradientNorm(const Buffer& gradients, ThreadPool* pool, std::vector<double>* scratch);

// The 2-norm of the first `elements` of a buffer together with those of another, such as the
// gradients of tables.
double GradientNorm(const Buffer& gradients, std::int64_t elements, const Buffer& more,
                    ThreadPool* pool, std::vector<double>* scratch);

// The 2-norm of elements [offset, offset + n).
double RangeNorm(const Buffer& gradients, std::int64_t offset, std::int64_t n);

}  // namespace descent

#endif  // CORE_GRADIENT_NORM_H_
