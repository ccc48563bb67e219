#include "core/activations/kinds.h"

#include <cmath>
#include <cstddef>
#include <iterator>
#include <numbers>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/activations/elu.h"
#include "core/activations/exponential.h"
#include "core/activations/gelu.h"
#include "core/activations/gelu_tanh.h"
#include "core/activations/hard_sigmoid.h"
#include "core/activations/hard_swish.h"
#include "core/activations/identity.h"
#include "core/activations/leaky_relu.h"
#include "core/activations/mish.h"
#include "core/activations/packet_activation.h"
#include "core/activations/relu.h"
#include "core/activations/relu6.h"
#include "core/activations/selu.h"
#include "core/activations/sigmoid.h"
#include "core/activations/silu.h"
#include "core/activations/softplus.h"
#include "core/activations/softsign.h"
#include "core/activations/tanh.h"
#include "core/check.h"
#include "core/error.h"

namespace descent {
namespace {

using activations::PacketActivation;

// Functions without a parameter ignore alpha.
template <typename Function>
std::unique_ptr<Activation> Make([[maybe_unused]] double alpha) {
  if constexpr (requires { Function{alpha}; }) {
    return std::make_unique<PacketActivation<Function>>(Function{alpha});
  } else {
    return std::make_unique<PacketActivation<Function>>(Function{});
  }
}

double One(double /*alpha*/) { return 1; }
double TanhGain(double /*alpha*/) { return 5.0 / 3; }
double ReluGain(double /*alpha*/) { return std::numbers::sqrt2; }
double LeakyReluGain(double alpha) { return std::sqrt(2 / (1 + alpha * alpha)); }
double SeluGain(double /*alpha*/) { return 0.75; }

using enum ActivationKind;
constexpr std::nullopt_t kNone = std::nullopt;

const ActivationInfo kActivations[] = {
    {kIdentity, "identity", kNone, One, false, {}, Make<activations::Identity>},
    {kSigmoid, "sigmoid", kNone, One, false, {}, Make<activations::Sigmoid>},
    {kTanh, "tanh", kNone, TanhGain, false, {}, Make<activations::Tanh>},
    {kRelu, "relu", kNone, ReluGain, true, {0}, Make<activations::Relu>},
    {kSoftsign, "softsign", kNone, One, false, {}, Make<activations::Softsign>},
    {kLeakyRelu, "leaky_relu", 0.01, LeakyReluGain, true, {0}, Make<activations::LeakyRelu>},
    {kElu, "elu", 1.0, ReluGain, true, {0}, Make<activations::Elu>},
    {kSelu, "selu", kNone, SeluGain, false, {0}, Make<activations::Selu>},
    {kGelu, "gelu", kNone, ReluGain, true, {}, Make<activations::Gelu>},
    {kGeluTanh, "gelu_tanh", kNone, ReluGain, true, {}, Make<activations::GeluTanh>},
    {kSilu, "silu", kNone, ReluGain, true, {}, Make<activations::Silu>},
    {kMish, "mish", kNone, ReluGain, true, {}, Make<activations::Mish>},
    {kSoftplus, "softplus", kNone, One, false, {}, Make<activations::Softplus>},
    {kHardSigmoid, "hard_sigmoid", kNone, One, false, {-3, 3}, Make<activations::HardSigmoid>},
    {kHardSwish, "hard_swish", kNone, ReluGain, true, {-3, 3}, Make<activations::HardSwish>},
    {kRelu6, "relu6", kNone, ReluGain, true, {0, 6}, Make<activations::Relu6>},
    {kExponential, "exponential", kNone, One, false, {}, Make<activations::Exponential>},
};

}  // namespace

absl::Span<const ActivationInfo> Activations() { return kActivations; }

const ActivationInfo& GetActivationInfo(ActivationKind kind) {
  const auto row = static_cast<std::size_t>(kind);
  DESCENT_CHECK(row < std::size(kActivations));
  DESCENT_CHECK(kActivations[row].kind == kind);
  return kActivations[row];
}

double ActivationGain(const ActivationSpec& spec) {
  const ActivationInfo& info = GetActivationInfo(spec.kind);
  return info.gain(spec.alpha.value_or(info.default_alpha.value_or(0)));
}

absl::StatusOr<std::unique_ptr<Activation>> MakeActivation(const ActivationSpec& spec) {
  const ActivationInfo& info = GetActivationInfo(spec.kind);
  if (spec.alpha.has_value() && !info.default_alpha.has_value()) {
    return InvalidField("alpha", "not taken by activation " + std::string(info.name));
  }
  const double alpha = spec.alpha.value_or(info.default_alpha.value_or(0));
  if (!std::isfinite(alpha))
    return InvalidField("alpha", absl::StrCat("expected a finite number, got ", alpha));
  return info.make(alpha);
}

}  // namespace descent
