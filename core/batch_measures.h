// How well a network does on the batches that it learns from, each before it is learned: what is
// called prequential, or "test, then train". With v, V, D, p and y as in core/metrics.h, of one
// batch:
//
//   real targets, counts     the mean squared error  Σ_i v_i Σ_d (p - y)² / (D V),
//                            and the mean absolute error
//   classes, probabilities   accuracy and log loss
//
// These are means over rows, so those of several batches make the mean of all their rows. Outputs
// are those of the training pass: with dropout where the network has it.

#ifndef CORE_BATCH_MEASURES_H_
#define CORE_BATCH_MEASURES_H_

#include <array>
#include <map>
#include <string>

#include "core/batch.h"
#include "core/buffer.h"
#include "core/network.h"
#include "core/spec.h"

namespace descent {

// Both >= 0, in the order above; infinite where they overflow.
using BatchMeasures = std::array<double, 2>;

// outputs: [rows, D], as Network::Forward leaves them; targets and weights must be valid for the
// network. loss: the batch's, finite, by Network::EvaluateLoss.
BatchMeasures MeasureBatch(const Network& network, const Matrix& outputs, const Targets& targets,
                           const Matrix& weights, double loss);

// By the names of core/metrics.h: "rmse", the root of the first, and "mae"; or "accuracy" and
// "log_loss". An infinite one is left out.
std::map<std::string, double> NamedMeasures(const LossSpec& loss, const BatchMeasures& measures);

}  // namespace descent

#endif  // CORE_BATCH_MEASURES_H_
