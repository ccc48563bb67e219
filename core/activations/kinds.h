// The family of activations: one row per kind. Suites loop over it, so that a new kind is tested,
// documented and served by being in the table.

#ifndef CORE_ACTIVATIONS_KINDS_H_
#define CORE_ACTIVATIONS_KINDS_H_

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/activations/activation.h"
#include "core/spec.h"

namespace descent {

struct ActivationInfo {
  std::string_view name;    // "leaky_relu"
  ActivationSpec defaults;  // the alternative with its default parameters
  // Both of the row's alternative.
  double (*gain)(const ActivationSpec& spec);  // factor on Glorot and He initialisation, see below
  // kInvalidArgument naming the parameter ("alpha") that is out of range.
  absl::StatusOr<std::unique_ptr<Activation>> (*make)(const ActivationSpec& spec);
  bool relu_family;           // He initialisation is its default
  std::vector<double> kinks;  // where σ′ jumps; suites test both sides
};

// Row i describes alternative i of ActivationSpec.
absl::Span<const ActivationInfo> Activations();

const ActivationInfo& GetActivationInfo(const ActivationSpec& spec);

// The factor by which initial weights make up for what σ takes from a signal's size: PyTorch's
// torch.nn.init.calculate_gain where it is defined (1 for IDENTITY and SIGMOID, 5/3 for TANH,
// sqrt(2) for RELU, sqrt(2 / (1 + α²)) for LEAKY_RELU, 3/4 for SELU). Where it is not: RELU's for
// the other members of the ReLU family, as is the custom, and 1 for the rest.
double ActivationGain(const ActivationSpec& spec);

absl::StatusOr<std::unique_ptr<Activation>> MakeActivation(const ActivationSpec& spec);

}  // namespace descent

#endif  // CORE_ACTIVATIONS_KINDS_H_
