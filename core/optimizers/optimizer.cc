#include "core/optimizers/optimizer.h"

namespace descent {

double Optimizer::InitialSlotValue(int /*slot*/) const { return 0; }

std::span<const std::string_view> Optimizer::scalar_names() const { return {}; }

double Optimizer::InitialScalarValue(int /*scalar*/) const { return 0; }

void Optimizer::AdvanceScalars(const StepContext& /*step*/, std::span<double> /*scalars*/) const {}

bool Optimizer::StaysFinite(const UpdateBounds& /*bounds*/) const { return false; }

}  // namespace descent
