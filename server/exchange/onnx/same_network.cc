#include "server/exchange/onnx/same_network.h"

#include <algorithm>
#include <string_view>
#include <variant>
#include <vector>

#include "server/exchange/onnx/graph_terms.h"

namespace descent::exchange {
namespace {

class Comparison {
 public:
  explicit Comparison(DataType type) : type_(type) {}

  bool Same(const std::vector<LayerSpec>& a, const std::vector<LayerSpec>& b) const {
    auto i = a.begin();
    auto j = b.begin();
    while (true) {
      i = std::find_if_not(i, a.end(), IsDropout);
      j = std::find_if_not(j, b.end(), IsDropout);
      if (i == a.end() || j == b.end()) return i == a.end() && j == b.end();
      if (!SameLayer(*i++, *j++)) return false;
    }
  }

  // As the element type has them.
  bool Same(double a, double b) const {
    return type_ == DataType::kFloat32 ? static_cast<float>(a) == static_cast<float>(b) : a == b;
  }

 private:
  static bool IsDropout(const LayerSpec& layer) {
    return std::holds_alternative<DropoutSpec>(layer);
  }

  bool SameActivation(const ActivationSpec& a, const ActivationSpec& b) const {
    if (a.index() != b.index()) return false;
    if (const auto* const leaky = std::get_if<LeakyReluActivation>(&a)) {
      return Same(leaky->alpha, std::get<LeakyReluActivation>(b).alpha);
    }
    if (const auto* const elu = std::get_if<EluActivation>(&a)) {
      return Same(elu->alpha, std::get<EluActivation>(b).alpha);
    }
    return true;
  }

  bool SameLayer(const LayerSpec& a, const LayerSpec& b) const {
    if (a.index() != b.index()) return false;
    if (const auto* const dense = std::get_if<DenseSpec>(&a)) {
      const auto& other = std::get<DenseSpec>(b);
      return dense->units == other.units && dense->omit_bias == other.omit_bias &&
             SameActivation(dense->activation, other.activation);
    }
    if (const auto* const norm = std::get_if<LayerNormSpec>(&a)) {
      const auto& other = std::get<LayerNormSpec>(b);
      return norm->omit_bias == other.omit_bias && Same(norm->epsilon, other.epsilon);
    }
    return Same(std::get<ResidualSpec>(a).layers, std::get<ResidualSpec>(b).layers);
  }

  const DataType type_;
};

// Of ids, one a row. What a hash makes of them is nothing that a graph says.
bool SameCategories(const std::vector<CategoricalInputSpec>& a,
                    const std::vector<CategoricalInputSpec>& b) {
  return std::ranges::equal(a, b, [](const auto& one, const auto& other) {
    return one.name == other.name && one.buckets == other.buckets &&
           one.dimension == other.dimension && one.hashing == other.hashing;
  });
}

}  // namespace

bool PredictTheSame(const NetworkSpec& a, const NetworkSpec& b) {
  if (a.data_type != b.data_type || a.input_features != b.input_features) return false;
  if (!SameCategories(a.categorical_inputs, b.categorical_inputs)) return false;
  if (a.input_normalization.has_value() != b.input_normalization.has_value()) return false;
  // Inputs are normalised in double, whatever the element type.
  if (a.input_normalization.has_value() &&
      a.input_normalization->epsilon != b.input_normalization->epsilon) {
    return false;
  }
  return std::string_view(OutputTransformOf(a.loss)) == OutputTransformOf(b.loss) &&
         Comparison(a.data_type).Same(a.layers, b.layers);
}

}  // namespace descent::exchange
