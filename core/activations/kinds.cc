#include "core/activations/kinds.h"

#include <cmath>
#include <iterator>
#include <numbers>
#include <variant>

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

using MadeActivation = absl::StatusOr<std::unique_ptr<Activation>>;

template <typename Function>
MadeActivation Make(const ActivationSpec& /*spec*/) {
  return std::make_unique<PacketActivation<Function>>(Function{});
}
template <typename Spec, typename Function>
MadeActivation MakeWithAlpha(const ActivationSpec& spec) {
  const double alpha = std::get<Spec>(spec).alpha;
  if (!std::isfinite(alpha)) {
    return InvalidField("alpha", absl::StrCat("expected a finite number, got ", alpha));
  }
  return std::make_unique<PacketActivation<Function>>(Function{alpha});
}

double One(const ActivationSpec& /*spec*/) { return 1; }
double TanhGain(const ActivationSpec& /*spec*/) { return 5.0 / 3; }
double ReluGain(const ActivationSpec& /*spec*/) { return std::numbers::sqrt2; }
double LeakyReluGain(const ActivationSpec& spec) {
  const double alpha = std::get<LeakyReluActivation>(spec).alpha;
  return std::sqrt(2 / (1 + alpha * alpha));
}
double SeluGain(const ActivationSpec& /*spec*/) { return 0.75; }

const ActivationInfo kActivations[] = {
    {"identity", IdentityActivation{}, One, Make<activations::Identity>, false, {}},
    {"sigmoid", SigmoidActivation{}, One, Make<activations::Sigmoid>, false, {}},
    {"tanh", TanhActivation{}, TanhGain, Make<activations::Tanh>, false, {}},
    {"relu", ReluActivation{}, ReluGain, Make<activations::Relu>, true, {0}},
    {"softsign", SoftsignActivation{}, One, Make<activations::Softsign>, false, {}},
    {"leaky_relu",
     LeakyReluActivation{},
     LeakyReluGain,
     MakeWithAlpha<LeakyReluActivation, activations::LeakyRelu>,
     true,
     {0}},
    {"elu", EluActivation{}, ReluGain, MakeWithAlpha<EluActivation, activations::Elu>, true, {0}},
    {"selu", SeluActivation{}, SeluGain, Make<activations::Selu>, false, {0}},
    {"gelu", GeluActivation{}, ReluGain, Make<activations::Gelu>, true, {}},
    {"gelu_tanh", GeluTanhActivation{}, ReluGain, Make<activations::GeluTanh>, true, {}},
    {"silu", SiluActivation{}, ReluGain, Make<activations::Silu>, true, {}},
    {"mish", MishActivation{}, ReluGain, Make<activations::Mish>, true, {}},
    {"softplus", SoftplusActivation{}, One, Make<activations::Softplus>, false, {}},
    {"hard_sigmoid", HardSigmoidActivation{}, One, Make<activations::HardSigmoid>, false, {-3, 3}},
    {"hard_swish", HardSwishActivation{}, ReluGain, Make<activations::HardSwish>, true, {-3, 3}},
    {"relu6", Relu6Activation{}, ReluGain, Make<activations::Relu6>, true, {0, 6}},
    {"exponential", ExponentialActivation{}, One, Make<activations::Exponential>, false, {}},
};
static_assert(std::size(kActivations) == std::variant_size_v<ActivationSpec>);

}  // namespace

absl::Span<const ActivationInfo> Activations() { return kActivations; }

const ActivationInfo& GetActivationInfo(const ActivationSpec& spec) {
  DESCENT_CHECK(kActivations[spec.index()].defaults.index() == spec.index());
  return kActivations[spec.index()];
}

double ActivationGain(const ActivationSpec& spec) { return GetActivationInfo(spec).gain(spec); }

absl::StatusOr<std::unique_ptr<Activation>> MakeActivation(const ActivationSpec& spec) {
  return GetActivationInfo(spec).make(spec);
}

}  // namespace descent
