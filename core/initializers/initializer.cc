#include "core/initializers/initializer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/error.h"
#include "core/flat_chunks.h"
#include "core/philox.h"

namespace descent {
namespace {

// The kinds' bounds and deviations, as torch.nn.init computes them. Sources: Glorot & Bengio (2010)
// for GLOROT, He et al. (2015) for HE, LeCun et al. (1998) for LECUN; FAN_IN_UNIFORM is what
// torch.nn.Linear starts from.
constexpr InitializerInfo kInitializers[] = {
    {InitializerKind::kGlorotUniform, "glorot_uniform"},
    {InitializerKind::kGlorotNormal, "glorot_normal"},
    {InitializerKind::kHeUniform, "he_uniform"},
    {InitializerKind::kHeNormal, "he_normal"},
    {InitializerKind::kLecunNormal, "lecun_normal"},
    {InitializerKind::kFanInUniform, "fan_in_uniform"},
    {InitializerKind::kZeros, "zeros"},
    {InitializerKind::kConstant, "constant"},
};

// What is to be filled, and by whom.
struct Place {
  std::int64_t offset;
  std::int64_t n;
  ThreadPool* pool;
  Buffer* parameters;
};

// Each element becomes `factor` times the number that draw(i, numbers) gives it: for the elements
// from i on, as many as there are numbers.
template <typename Draw>
void Fill(double factor, const Place& place, const Draw& draw) {
  constexpr std::int64_t kBlock = 1024;
  WithElementType(place.parameters->type(), [&](auto zero) {
    using T = decltype(zero);
    T* const elements = place.parameters->template data<T>() + place.offset;
    const auto fill = [&](std::int64_t task) {
      std::array<double, kBlock> numbers;
      const std::int64_t end = std::min(place.n, (task + 1) * kFlatChunk);
      for (std::int64_t i = task * kFlatChunk; i < end; i += kBlock) {
        const std::int64_t n = std::min(kBlock, end - i);
        draw(static_cast<std::uint64_t>(i), std::span(numbers.data(), static_cast<std::size_t>(n)));
        for (std::int64_t j = 0; j < n; ++j) {
          elements[i + j] = static_cast<T>(numbers[static_cast<std::size_t>(j)] * factor);
        }
      }
    };
    RunFlatTasks(place.n, (place.n + kFlatChunk - 1) / kFlatChunk, place.pool, fill);
  });
}

void FillUniform(double bound, const PhiloxStream& random, const Place& place) {
  Fill(bound, place, [&](std::uint64_t i, std::span<double> numbers) {
    random.Uniforms(i, numbers);
    for (double& number : numbers) number = 2 * number - 1;
  });
}

void FillNormal(double deviation, const PhiloxStream& random, const Place& place) {
  Fill(deviation, place,
       [&](std::uint64_t i, std::span<double> numbers) { random.Normals(i, numbers); });
}

void FillConstant(double value, const Place& place) {
  Fill(value, place,
       [](std::uint64_t /*i*/, std::span<double> numbers) { std::ranges::fill(numbers, 1.0); });
}

}  // namespace

absl::Span<const InitializerInfo> Initializers() { return kInitializers; }

absl::Status ValidateInitializer(const InitializerSpec& spec) {
  if (spec.scale.has_value() && !std::isfinite(*spec.scale)) {
    return InvalidField("scale", absl::StrCat("expected a finite number, got ", *spec.scale));
  }
  if (spec.scale.has_value() && spec.kind == InitializerKind::kZeros) {
    return InvalidField("scale", "ZEROS takes no scale; use CONSTANT");
  }
  return absl::OkStatus();
}

void Initialize(const InitializerSpec& spec, const InitializerContext& context, std::int64_t offset,
                std::int64_t n, ThreadPool* pool, Buffer* parameters) {
  DESCENT_CHECK(spec.kind.has_value());
  const PhiloxStream random(context.seed, context.parameter);
  const auto fan_in = static_cast<double>(context.fan_in);
  const double fan_sum = fan_in + static_cast<double>(context.fan_out);
  const double scale = spec.scale.value_or(1);
  const double gain = context.gain * scale;
  const Place place{.offset = offset, .n = n, .pool = pool, .parameters = parameters};
  switch (*spec.kind) {
    case InitializerKind::kGlorotUniform:
      return FillUniform(gain * std::sqrt(6 / fan_sum), random, place);
    case InitializerKind::kGlorotNormal:
      return FillNormal(gain * std::sqrt(2 / fan_sum), random, place);
    case InitializerKind::kHeUniform:
      return FillUniform(gain * std::sqrt(3 / fan_in), random, place);
    case InitializerKind::kHeNormal:
      return FillNormal(gain / std::sqrt(fan_in), random, place);
    case InitializerKind::kLecunNormal:
      return FillNormal(scale / std::sqrt(fan_in), random, place);
    case InitializerKind::kFanInUniform:
      return FillUniform(scale / std::sqrt(fan_in), random, place);
    case InitializerKind::kZeros:
      return FillConstant(0, place);
    case InitializerKind::kConstant:
      return FillConstant(spec.scale.value_or(0), place);
  }
}

}  // namespace descent
