#include "core/initializers/initializer.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/error.h"
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

void FillUniform(double bound, const PhiloxStream& random, std::int64_t offset, std::int64_t n,
                 Buffer* parameters) {
  for (std::int64_t i = 0; i < n; ++i) {
    const double u = random.Uniform(static_cast<std::uint64_t>(i));
    parameters->Set(offset + i, (2 * u - 1) * bound);
  }
}

void FillNormal(double deviation, const PhiloxStream& random, std::int64_t offset, std::int64_t n,
                Buffer* parameters) {
  for (std::int64_t i = 0; i < n; ++i) {
    parameters->Set(offset + i, random.Normal(static_cast<std::uint64_t>(i)) * deviation);
  }
}

void FillConstant(double value, std::int64_t offset, std::int64_t n, Buffer* parameters) {
  for (std::int64_t i = 0; i < n; ++i) parameters->Set(offset + i, value);
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
                std::int64_t n, Buffer* parameters) {
  DESCENT_CHECK(spec.kind.has_value());
  const PhiloxStream random(context.seed, context.parameter);
  const auto fan_in = static_cast<double>(context.fan_in);
  const double fan_sum = fan_in + static_cast<double>(context.fan_out);
  const double scale = spec.scale.value_or(1);
  const double gain = context.gain * scale;
  switch (*spec.kind) {
    case InitializerKind::kGlorotUniform:
      return FillUniform(gain * std::sqrt(6 / fan_sum), random, offset, n, parameters);
    case InitializerKind::kGlorotNormal:
      return FillNormal(gain * std::sqrt(2 / fan_sum), random, offset, n, parameters);
    case InitializerKind::kHeUniform:
      return FillUniform(gain * std::sqrt(3 / fan_in), random, offset, n, parameters);
    case InitializerKind::kHeNormal:
      return FillNormal(gain / std::sqrt(fan_in), random, offset, n, parameters);
    case InitializerKind::kLecunNormal:
      return FillNormal(scale / std::sqrt(fan_in), random, offset, n, parameters);
    case InitializerKind::kFanInUniform:
      return FillUniform(scale / std::sqrt(fan_in), random, offset, n, parameters);
    case InitializerKind::kZeros:
      return FillConstant(0, offset, n, parameters);
    case InitializerKind::kConstant:
      return FillConstant(spec.scale.value_or(0), offset, n, parameters);
  }
}

}  // namespace descent
