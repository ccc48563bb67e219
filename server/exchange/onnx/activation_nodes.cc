#include "server/exchange/onnx/activation_nodes.h"

#include <array>
#include <cmath>
#include <numbers>
#include <variant>

#include "absl/types/span.h"

namespace descent::exchange {
namespace {

using Value = std::string;

// Operator version 13 has what is called by its name here. What it lacks is written out; and what
// runtimes have for float32 alone is for float64: LeakyRelu, Elu, Selu, Softplus, Softsign, Erf.
class ActivationWriter {
 public:
  ActivationWriter(Value z, NodeWriter* writer) : z_(std::move(z)), writer_(writer) {}

  Value operator()(const IdentityActivation&) { return z_; }
  Value operator()(const SigmoidActivation&) { return Op("Sigmoid", {z_}); }
  Value operator()(const TanhActivation&) { return Op("Tanh", {z_}); }
  Value operator()(const ReluActivation&) { return Op("Relu", {z_}); }

  Value operator()(const SoftsignActivation&) {
    if (IsFloat32()) return Op("Softsign", {z_});
    return Op("Div", {z_, Plus(Op("Abs", {z_}), 1)});
  }

  Value operator()(const LeakyReluActivation& spec) {
    if (IsFloat32()) return WithAlpha("LeakyRelu", spec.alpha);
    return Op("Add", {Op("Relu", {z_}), Times(Op("Min", {z_, Number(0)}), spec.alpha)});
  }

  Value operator()(const EluActivation& spec) {
    if (IsFloat32()) return WithAlpha("Elu", spec.alpha);
    return Op("Add", {Op("Relu", {z_}), Times(NegativeExpm1(), spec.alpha)});
  }

  Value operator()(const SeluActivation&) {
    if (IsFloat32()) return Op("Selu", {z_});  // its constants are the definition's
    constexpr double kAlpha = 1.6732632423543772848170429916717;
    constexpr double kScale = 1.0507009873554804934193349852946;
    return Times(Op("Add", {Op("Relu", {z_}), Times(NegativeExpm1(), kAlpha)}), kScale);
  }

  Value operator()(const GeluActivation&) {
    if (!IsFloat32()) return GeluInFloat64();
    const Value error = Op("Erf", {Op("Div", {z_, Number(std::numbers::sqrt2)})});
    return Op("Mul", {Times(z_, 0.5), Plus(error, 1)});
  }

  // z sigmoid(2u), which cancels nothing for z < 0, unlike 1 + tanh u.
  Value operator()(const GeluTanhActivation&) {
    const Value cubed = Op("Mul", {Op("Mul", {z_, z_}), z_});
    const Value sum = Op("Add", {z_, Times(cubed, 0.044715)});
    constexpr double kTwoSlopes = 2 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
    return Op("Mul", {z_, Op("Sigmoid", {Times(sum, kTwoSlopes)})});
  }

  // Not by Sigmoid in float64: onnxruntime 1.30 joins that to an operator that it has not for
  // it.
  Value operator()(const SiluActivation&) {
    if (IsFloat32()) return Op("Mul", {z_, Op("Sigmoid", {z_})});
    return Op("Div", {z_, Plus(Op("Exp", {Op("Neg", {z_})}), 1)});
  }
  Value operator()(const MishActivation&) { return Op("Mul", {z_, Op("Tanh", {Softplus()})}); }
  Value operator()(const SoftplusActivation&) { return Softplus(); }
  Value operator()(const HardSigmoidActivation&) {
    return Op("Div", {Clip(Plus(z_, 3), 0, 6), Number(6)});
  }
  Value operator()(const HardSwishActivation&) {
    return Op("Div", {Op("Mul", {z_, Clip(Plus(z_, 3), 0, 6)}), Number(6)});
  }
  Value operator()(const Relu6Activation&) { return Clip(z_, 0, 6); }
  Value operator()(const ExponentialActivation&) { return Op("Exp", {z_}); }

 private:
  bool IsFloat32() const { return writer_->type() == DataType::kFloat32; }
  Value Op(const char* op, std::vector<Value> inputs) {
    return writer_->Add(op, std::move(inputs));
  }
  Value Number(double value) { return writer_->Scalar(value); }
  Value Plus(const Value& x, double value) { return Op("Add", {x, Number(value)}); }
  Value Times(const Value& x, double value) { return Op("Mul", {x, Number(value)}); }
  Value Clip(const Value& x, double low, double high) {
    return Op("Clip", {x, Number(low), Number(high)});
  }
  Value WithAlpha(const char* op, double alpha) {
    Value value = Op(op, {z_});
    writer_->SetFloat("alpha", alpha);
    return value;
  }
  // e^min(z, 0) - 1.
  Value NegativeExpm1() { return Op("Sub", {Op("Exp", {Op("Min", {z_, Number(0)})}), Number(1)}); }
  // max(z, 0) + log(1 + e^-|z|), which never overflows.
  Value Softplus() {
    if (IsFloat32()) return Op("Softplus", {z_});
    const Value power = Op("Exp", {Op("Neg", {Op("Abs", {z_})})});
    return Op("Add", {Op("Relu", {z_}), Op("Log", {Plus(power, 1)})});
  }

  // max(z, 0) - m Φ(-m) with m = min(|z|, 39), where Φ(-m) = e^(-m²/2) P(t) / (m + 4) with
  // t = (m - 4) / (m + 4), P of the coefficients that core/kernels/vector_math.h has of it.
  Value GeluInFloat64() {
    constexpr std::array kTail = {
        -9.65342542022850467e-10, 7.26954547902668946e-11, 1.39240239935017101e-8,
        1.45785933470364597e-8,   -7.63808205349045035e-8, -1.54263205367710739e-7,
        2.63682485764076251e-7,   1.01980485181351727e-6,  -6.25132104047868019e-7,
        -5.91889273176323645e-6,  7.15005595921609866e-7,  3.51441811577609727e-5,
        -1.90786653166135743e-6,  -2.31094818319376211e-4, 1.33344254019049116e-4,
        1.6308184418903596e-3,    -3.47969236224253334e-3, -7.54018896559305902e-3,
        6.03965748906994641e-2,   -1.86521857959694163e-1, 3.87137400742218879e-1,
        -6.07896641971891759e-1,  7.5528513041575148e-1};
    const Value m = Op("Min", {Op("Abs", {z_}), Number(39)});
    const Value shifted = Plus(m, 4);
    const Value t = Op("Div", {Op("Sub", {m, Number(4)}), shifted});
    Value sum = Number(kTail[0]);
    for (const double coefficient : absl::MakeConstSpan(kTail).subspan(1)) {
      sum = Plus(Op("Mul", {t, sum}), coefficient);
    }
    const Value power = Op("Exp", {Times(Op("Mul", {m, m}), -0.5)});
    const Value tail = Op("Div", {Op("Mul", {power, sum}), shifted});
    return Op("Sub", {Op("Relu", {z_}), Op("Mul", {m, tail})});
  }

  const Value z_;
  NodeWriter* const writer_;
};

}  // namespace

std::string WriteActivation(const ActivationSpec& activation, const std::string& z,
                            NodeWriter* writer) {
  return std::visit(ActivationWriter(z, writer), activation);
}

}  // namespace descent::exchange
