#include "core/gradient_norm.h"

#include <cmath>

#include "core/flat_chunks.h"
#include "core/kernels/sum_of_squares.h"

namespace descent {

namespace {

double SumOfChunks(const Buffer& gradients, std::int64_t elements, ThreadPool* pool,
                   std::vector<double>* scratch) {
  const std::int64_t chunks = (elements + kFlatChunk - 1) / kFlatChunk;
  scratch->assign(static_cast<std::size_t>(chunks), 0);
  WithElementType(gradients.type(), [&](auto zero) {
    const auto* const values = gradients.data<decltype(zero)>();
    RunFlatTasks(elements, chunks, pool, [&](std::int64_t chunk) {
      const std::int64_t begin = chunk * kFlatChunk;
      (*scratch)[static_cast<std::size_t>(chunk)] =
          SumOfSquares(values + begin, std::min(kFlatChunk, elements - begin));
    });
  });
  double sum = 0;
  for (const double part : *scratch) sum += part;
  return sum;
}

}  // namespace

double GradientNorm(const Buffer& gradients, ThreadPool* pool, std::vector<double>* scratch) {
  return std::sqrt(SumOfChunks(gradients, gradients.size(), pool, scratch));
}

double GradientNorm(const Buffer& gradients, std::int64_t elements, const Buffer& more,
                    ThreadPool* pool, std::vector<double>* scratch) {
  const double sum = SumOfChunks(gradients, elements, pool, scratch);
  if (more.empty()) return std::sqrt(sum);
  return std::sqrt(sum + SumOfChunks(more, more.size(), pool, scratch));
}

double RangeNorm(const Buffer& gradients, std::int64_t offset, std::int64_t n) {
  return WithElementType(gradients.type(), [&](auto zero) {
    return std::sqrt(SumOfSquares(gradients.data<decltype(zero)>() + offset, n));
  });
}

}  // namespace descent
