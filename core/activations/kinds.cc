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
#include "core/kind_parameters.h"
#include "core/status_macros.h"

namespace descent {
namespace {

using activations::PacketActivation;

template <typename Function>
std::unique_ptr<Activation> Make(const ActivationSpec& /*spec*/) {
  return std::make_unique<PacketActivation<Function>>(Function{});
}
template <typename Function>
std::unique_ptr<Activation> MakeWithAlpha(const ActivationSpec& spec) {
  return std::make_unique<PacketActivation<Function>>(Function{Taken(spec.alpha)});
}

double One(const ActivationSpec& /*spec*/) { return 1; }
double TanhGain(const ActivationSpec& /*spec*/) { return 5.0 / 3; }
double ReluGain(const ActivationSpec& /*spec*/) { return std::numbers::sqrt2; }
double LeakyReluGain(const ActivationSpec& spec) {
  const double alpha = Taken(spec.alpha);
  return std::sqrt(2 / (1 + alpha * alpha));
}
double SeluGain(const ActivationSpec& /*spec*/) { return 0.75; }

using enum ActivationKind;

const ActivationInfo kActivations[] = {
    {kIdentity, "identity", {}, One, Make<activations::Identity>, false, {}},
    {kSigmoid, "sigmoid", {}, One, Make<activations::Sigmoid>, false, {}},
    {kTanh, "tanh", {}, TanhGain, Make<activations::Tanh>, false, {}},
    {kRelu, "relu", {}, ReluGain, Make<activations::Relu>, true, {0}},
    {kSoftsign, "softsign", {}, One, Make<activations::Softsign>, false, {}},
    {kLeakyRelu,
     "leaky_relu",
     {.alpha = 0.01},
     LeakyReluGain,
     MakeWithAlpha<activations::LeakyRelu>,
     true,
     {0}},
    {kElu, "elu", {.alpha = 1}, ReluGain, MakeWithAlpha<activations::Elu>, true, {0}},
    {kSelu, "selu", {}, SeluGain, Make<activations::Selu>, false, {0}},
    {kGelu, "gelu", {}, ReluGain, Make<activations::Gelu>, true, {}},
    {kGeluTanh, "gelu_tanh", {}, ReluGain, Make<activations::GeluTanh>, true, {}},
    {kSilu, "silu", {}, ReluGain, Make<activations::Silu>, true, {}},
    {kMish, "mish", {}, ReluGain, Make<activations::Mish>, true, {}},
    {kSoftplus, "softplus", {}, One, Make<activations::Softplus>, false, {}},
    {kHardSigmoid, "hard_sigmoid", {}, One, Make<activations::HardSigmoid>, false, {-3, 3}},
    {kHardSwish, "hard_swish", {}, ReluGain, Make<activations::HardSwish>, true, {-3, 3}},
    {kRelu6, "relu6", {}, ReluGain, Make<activations::Relu6>, true, {0, 6}},
    {kExponential, "exponential", {}, One, Make<activations::Exponential>, false, {}},
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
  const auto whole = WithDefaults(spec, info.defaults, std::string(info.name));
  return info.gain(whole.ok() ? *whole : info.defaults);
}

absl::StatusOr<std::unique_ptr<Activation>> MakeActivation(const ActivationSpec& spec) {
  const ActivationInfo& info = GetActivationInfo(spec.kind);
  ASSIGN_OR_RETURN(ActivationSpec whole,
                   WithDefaults(spec, info.defaults, "activation " + std::string(info.name)));
  const OptionalFields parameters(whole);
  for (const auto& [name, value] : parameters.all()) {
    if (value->has_value() && !std::isfinite(**value)) {
      return InvalidField(name, absl::StrCat("expected a finite number, got ", **value));
    }
  }
  return info.make(whole);
}

}  // namespace descent
