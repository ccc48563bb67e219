// The matrix product is held to its definition bit by bit: any blocking, packing or number of
// threads that changes a bit fails here.

#include "core/kernels/gemm.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "core/buffer.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

// How the operands lie: forward A B, weight gradient Aᵀ B, input gradient A Bᵀ.
enum class Form { kPlain, kTransposedA, kTransposedB };

struct Shape {
  std::int64_t m;
  std::int64_t n;
  std::int64_t k;
};

template <typename T>
Buffer RandomBuffer(std::int64_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform(-1, 1);
  Buffer buffer(kDataTypeOf<T>, n);
  for (std::int64_t i = 0; i < n; ++i) buffer.data<T>()[i] = static_cast<T>(uniform(random));
  return buffer;
}

template <typename T>
struct Problem {
  Problem(Form form, Shape shape, bool with_start)
      : a(RandomBuffer<T>(shape.m * shape.k, 1)),
        b(RandomBuffer<T>(shape.k * shape.n, 2)),
        start(RandomBuffer<T>(shape.n, 3)),
        c(kDataTypeOf<T>, shape.m * shape.n) {
    const bool ta = form == Form::kTransposedA;
    const bool tb = form == Form::kTransposedB;
    operands = {.m = shape.m,
                .n = shape.n,
                .k = shape.k,
                .a = a.template data<T>(),
                .a_row_stride = ta ? 1 : shape.k,
                .a_col_stride = ta ? shape.m : 1,
                .b = b.template data<T>(),
                .b_row_stride = tb ? 1 : shape.n,
                .b_col_stride = tb ? shape.k : 1,
                .c = c.template data<T>(),
                .start = with_start ? start.template data<T>() : nullptr};
  }

  T A(std::int64_t i, std::int64_t p) const {
    return operands.a[i * operands.a_row_stride + p * operands.a_col_stride];
  }
  T B(std::int64_t p, std::int64_t j) const {
    return operands.b[p * operands.b_row_stride + j * operands.b_col_stride];
  }
  T Start(std::int64_t j) const { return operands.start == nullptr ? T(0) : operands.start[j]; }

  Buffer a, b, start, c;
  GemmOperands<T> operands;
};

constexpr auto kNoEpilogue = [](std::int64_t, std::int64_t, std::int64_t, std::int64_t) {};

// The definition in gemm.h for n > 1, word for word.
template <typename T>
void ExpectDefinedBits(Form form, Shape shape, bool with_start, int threads) {
  Problem<T> problem(form, shape, with_start);
  ThreadPool pool(threads);
  Gemm(problem.operands, &pool, kNoEpilogue);
  for (std::int64_t i = 0; i < shape.m; ++i) {
    for (std::int64_t j = 0; j < shape.n; ++j) {
      T expected = problem.Start(j);
      for (std::int64_t p = 0; p < shape.k; ++p) {
        expected = std::fma(problem.A(i, p), problem.B(p, j), expected);
      }
      ASSERT_EQ(problem.operands.c[i * shape.n + j], expected)
          << "at (" << i << ", " << j << ") of " << shape.m << "x" << shape.n << "x" << shape.k
          << " form " << static_cast<int>(form) << " threads " << threads;
    }
  }
}

// Around every edge: one block, less, more; one k-range and several; packed and in
// place; one task and several; rows of a that fall into the same cache lines.
const Shape kShapes[] = {{1, 2, 1},     {1, 7, 5},       {2, 33, 3},     {3, 16, 400},
                         {5, 17, 9},    {6, 16, 8},      {7, 31, 13},    {13, 64, 32},
                         {24, 130, 70}, {25, 8, 800},    {97, 33, 40},   {100, 65, 385},
                         {193, 20, 11}, {1, 300, 500},   {200, 150, 60}, {600, 40, 9},
                         {14, 600, 30}, {30, 260, 1024}, {140, 300, 390}};

TEST(GemmTest, FollowsItsDefinitionBitByBit) {
  for (const Shape& shape : kShapes) {
    for (const Form form : {Form::kPlain, Form::kTransposedA, Form::kTransposedB}) {
      for (const bool with_start : {false, true}) {
        for (const int threads : {1, 3}) {
          ExpectDefinedBits<float>(form, shape, with_start, threads);
          ExpectDefinedBits<double>(form, shape, with_start, threads);
        }
      }
    }
  }
}

// The sums that no finish has touched, each finished as the activation's own formula says.
template <typename T>
void ExpectFinished(Form form, Shape shape, GemmFinish finish, int threads) {
  Problem<T> plain(form, shape, /*with_start=*/true);
  Problem<T> finished(form, shape, /*with_start=*/true);
  Buffer activations = RandomBuffer<T>(shape.m * shape.n, 4);
  for (std::int64_t i = 0; i < activations.size(); ++i) {  // as σ leaves them: many are zero
    activations.data<T>()[i] = std::max(activations.data<T>()[i], T(0));
  }
  finished.operands.finish = finish;
  if (finish == GemmFinish::kReluDerivative) {
    finished.operands.activations = activations.data<T>();
  }
  ThreadPool pool(threads);
  Gemm(plain.operands, &pool, kNoEpilogue);
  Gemm(finished.operands, &pool, kNoEpilogue);
  for (std::int64_t i = 0; i < shape.m * shape.n; ++i) {
    const T sum = plain.operands.c[i];
    const T expected = finish == GemmFinish::kRelu ? std::max(sum, T(0))
                                                   : sum * (activations.data<T>()[i] > 0 ? 1 : 0);
    ASSERT_EQ(finished.operands.c[i], expected)
        << "element " << i << " of " << shape.m << "x" << shape.n << "x" << shape.k << " form "
        << static_cast<int>(form) << " threads " << threads;
  }
}

TEST(GemmTest, FinishesEachSumOnce) {
  std::vector<Shape> shapes(std::begin(kShapes), std::end(kShapes));
  shapes.push_back({50, 1, 77});  // a column is computed by itself
  for (const Shape& shape : shapes) {
    for (const Form form : {Form::kPlain, Form::kTransposedA, Form::kTransposedB}) {
      if (shape.n == 1 && form == Form::kTransposedA) continue;
      for (const GemmFinish finish : {GemmFinish::kRelu, GemmFinish::kReluDerivative}) {
        for (const int threads : {1, 3}) {
          ExpectFinished<float>(form, shape, finish, threads);
          ExpectFinished<double>(form, shape, finish, threads);
        }
      }
    }
  }
}

// The definition in gemm.h for n = 1, word for word.
template <typename T>
void ExpectDefinedColumn(std::int64_t k, bool with_start) {
  constexpr std::int64_t kLanes = 64 / sizeof(T);
  Problem<T> problem(Form::kPlain, {.m = 5, .n = 1, .k = k}, with_start);
  Gemm(problem.operands, nullptr, kNoEpilogue);
  for (std::int64_t i = 0; i < 5; ++i) {
    T lanes[kLanes] = {};
    for (std::int64_t p = 0; p < k; ++p) {
      lanes[p % kLanes] = std::fma(problem.A(i, p), problem.B(p, 0), lanes[p % kLanes]);
    }
    for (std::int64_t half = kLanes / 2; half > 0; half /= 2) {
      for (std::int64_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[half + lane];
    }
    ASSERT_EQ(problem.operands.c[i], problem.Start(0) + lanes[0]) << "row " << i << ", k " << k;
  }
}

TEST(GemmTest, ColumnResultFollowsItsDefinitionBitByBit) {
  for (std::int64_t k = 1; k < 100; ++k) {
    for (const bool with_start : {false, true}) {
      ExpectDefinedColumn<float>(k, with_start);
      ExpectDefinedColumn<double>(k, with_start);
    }
  }
}

TEST(GemmTest, ColumnResultIsCloseToTheExactOne) {
  for (const std::int64_t k : {1, 3, 8, 64, 301}) {
    Problem<double> problem(Form::kPlain, {.m = 9, .n = 1, .k = k}, /*with_start=*/true);
    Gemm(problem.operands, nullptr, kNoEpilogue);
    for (std::int64_t i = 0; i < 9; ++i) {
      long double exact = problem.Start(0);
      for (std::int64_t p = 0; p < k; ++p) {
        exact += static_cast<long double>(problem.A(i, p)) * problem.B(p, 0);
      }
      EXPECT_NEAR(problem.operands.c[i], static_cast<double>(exact), 1e-13);
    }
  }
}

TEST(GemmTest, ColumnResultOfARowDoesNotDependOnTheOtherRows) {
  Problem<float> all(Form::kPlain, {.m = 50, .n = 1, .k = 77}, /*with_start=*/true);
  Gemm(all.operands, nullptr, kNoEpilogue);
  for (std::int64_t i = 0; i < 50; ++i) {
    float alone = 0;
    GemmOperands<float> row = all.operands;
    row.m = 1;
    row.a += i * row.a_row_stride;
    row.c = &alone;
    Gemm(row, nullptr, kNoEpilogue);
    EXPECT_EQ(alone, all.operands.c[i]);
  }
}

TEST(GemmTest, EpilogueCoversTheResultOnce) {
  for (const int threads : {1, 2, 8}) {
    for (const Shape& shape : kShapes) {
      Problem<float> problem(Form::kPlain, shape, /*with_start=*/false);
      std::vector<int> seen(static_cast<std::size_t>(shape.m * shape.n), 0);
      ThreadPool pool(threads);
      Gemm(problem.operands, &pool,
           [&](std::int64_t row, std::int64_t rows, std::int64_t col, std::int64_t cols) {
             for (std::int64_t i = row; i < row + rows; ++i) {
               for (std::int64_t j = col; j < col + cols; ++j) {
                 ++seen[static_cast<std::size_t>(i * shape.n + j)];
               }
             }
           });
      EXPECT_EQ(seen, std::vector<int>(seen.size(), 1));
    }
  }
}

TEST(GemmTest, WritesNothingBehindTheResult) {
  Problem<float> problem(Form::kPlain, {.m = 7, .n = 9, .k = 5}, /*with_start=*/false);
  Buffer guarded(DataType::kFloat32, 7 * 9 + 64);
  for (std::int64_t i = 0; i < guarded.size(); ++i) guarded.data<float>()[i] = 42;
  problem.operands.c = guarded.data<float>();
  Gemm(problem.operands, nullptr, kNoEpilogue);
  for (std::int64_t i = 7 * 9; i < guarded.size(); ++i) EXPECT_EQ(guarded.data<float>()[i], 42);
}

TEST(GemmTest, NotANumberSpreadsToItsRowOnly) {
  Problem<float> problem(Form::kPlain, {.m = 8, .n = 20, .k = 6}, /*with_start=*/false);
  problem.a.data<float>()[3 * 6 + 2] = std::nanf("");
  Gemm(problem.operands, nullptr, kNoEpilogue);
  for (std::int64_t i = 0; i < 8; ++i) {
    for (std::int64_t j = 0; j < 20; ++j) {
      EXPECT_EQ(std::isnan(problem.operands.c[i * 20 + j]), i == 3);
    }
  }
}

}  // namespace
}  // namespace descent
