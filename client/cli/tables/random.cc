#include "client/cli/tables/random.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace descent::cli {
namespace {

// Streams of one seed: fixed numbers, so that adding a use never changes another.
constexpr uint64_t kSplitStream = 1;
constexpr uint64_t kFirstPassStream = uint64_t{1} << 32;

}  // namespace

uint64_t MixBits(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

Random::Random(uint64_t seed, uint64_t stream) : engine_(MixBits(MixBits(seed) ^ stream)) {}

double Random::Uniform() { return static_cast<double>(engine_() >> 11) * 0x1.0p-53; }

uint64_t Random::Below(uint64_t bound) {
  // Values below 2^64 mod bound would make the small remainders too likely: draw again.
  const uint64_t threshold = (0 - bound) % bound;
  uint64_t value = engine_();
  while (value < threshold) value = engine_();
  return value % bound;
}

double Random::Normal() {
  if (has_spare_normal_) {
    has_spare_normal_ = false;
    return spare_normal_;
  }
  double u = 0;
  double v = 0;
  double square = 0;
  do {
    u = 2 * Uniform() - 1;
    v = 2 * Uniform() - 1;
    square = u * u + v * v;
  } while (square >= 1 || square == 0);
  const double scale = std::sqrt(-2 * std::log(square) / square);
  spare_normal_ = v * scale;
  has_spare_normal_ = true;
  return u * scale;
}

std::vector<int64_t> RandomPermutation(int64_t count, Random* random) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), int64_t{0});
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random->Below(i)]);
  return order;
}

Split SplitRows(int64_t rows, double test_fraction, uint64_t seed) {
  Random random(seed, kSplitStream);
  const std::vector<int64_t> order = RandomPermutation(rows, &random);
  const auto middle = order.begin() + std::llround(static_cast<double>(rows) * test_fraction);
  Split split;
  split.test.assign(order.begin(), middle);
  split.training.assign(middle, order.end());
  std::sort(split.test.begin(), split.test.end());
  std::sort(split.training.begin(), split.training.end());
  return split;
}

namespace {

// How many rows of each class are for testing: the whole part of its share, and one more for those
// with the largest rest until there are as many as of the whole.
std::vector<int64_t> TestRowsByClass(const std::vector<std::vector<int64_t>>& rows_by_class,
                                     int64_t rows, double test_fraction) {
  const size_t classes = rows_by_class.size();
  std::vector<int64_t> counts(classes);
  std::vector<double> rests(classes);
  int64_t missing = std::llround(static_cast<double>(rows) * test_fraction);
  for (size_t c = 0; c < classes; ++c) {
    const double share = static_cast<double>(rows_by_class[c].size()) * test_fraction;
    counts[c] = static_cast<int64_t>(share);
    rests[c] = share - std::floor(share);
    missing -= counts[c];
  }
  std::vector<size_t> by_rest(classes);
  std::iota(by_rest.begin(), by_rest.end(), size_t{0});
  std::stable_sort(by_rest.begin(), by_rest.end(),
                   [&rests](size_t a, size_t b) { return rests[a] > rests[b]; });
  for (const size_t c : by_rest) {
    if (missing-- <= 0) break;
    ++counts[c];
  }
  for (size_t c = 0; c < classes; ++c) {
    counts[c] = std::min(counts[c], static_cast<int64_t>(rows_by_class[c].size()) - 1);
  }
  return counts;
}

}  // namespace

Split SplitByClass(absl::Span<const int32_t> classes, double test_fraction, uint64_t seed) {
  Random random(seed, kSplitStream);
  const auto rows = static_cast<int64_t>(classes.size());
  std::vector<std::vector<int64_t>> rows_by_class;
  for (const int64_t row : RandomPermutation(rows, &random)) {
    const auto c = static_cast<size_t>(classes[row]);
    if (c >= rows_by_class.size()) rows_by_class.resize(c + 1);
    rows_by_class[c].push_back(row);
  }
  const std::vector<int64_t> test_rows = TestRowsByClass(rows_by_class, rows, test_fraction);
  Split split;
  for (size_t c = 0; c < rows_by_class.size(); ++c) {
    const auto middle = rows_by_class[c].begin() + std::max<int64_t>(test_rows[c], 0);
    split.test.insert(split.test.end(), rows_by_class[c].begin(), middle);
    split.training.insert(split.training.end(), middle, rows_by_class[c].end());
  }
  std::sort(split.test.begin(), split.test.end());
  std::sort(split.training.begin(), split.training.end());
  return split;
}

std::vector<int64_t> ShuffledRows(int64_t count, uint64_t seed, uint64_t pass) {
  Random random(seed, kFirstPassStream + pass);
  return RandomPermutation(count, &random);
}

}  // namespace descent::cli
