// FTRL-Proximal, per coordinate, with η = lr / (beta + sqrt(n)) and p > 0, p < 0 having signs 1,
// -1:
//
//   n ← n + g²
//   z ← g - p (1/η + l2) - sign(p) l1            where p is not 0
//       g + z                                    where it is
//   p ← 0                                        if |z| <= l1
//       -(z - sign(z) l1) / (1/η + l2)           otherwise
//
// The paper's algorithm 1 carries z along everywhere, z ← z + g - σ p with σ the change of 1/η. The
// last line then always gives back the p it has; solved for z, it gives the second. Written so, an
// update starts from the p it is given: the network's initial one (the paper begins at 0), one that
// was set from outside, or one that was learned at another rate, which the paper keeps constant.
// While lr is 0 nothing changes. Where weights don't decay, l1 and l2 count as 0.
//
// Slots: z (at most l1 in size where p is 0; elsewhere not read), n.
// Source: McMahan et al. (2013), KDD, 1222-1230.

#ifndef CORE_OPTIMIZERS_FTRL_H_
#define CORE_OPTIMIZERS_FTRL_H_

#include <memory>

#include "absl/status/statusor.h"
#include "core/optimizers/optimizer.h"
#include "core/spec.h"

namespace descent::optimizers {

// kInvalidArgument unless beta > 0 and l1, l2 >= 0.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeFtrl(const FtrlOptions& options);

}  // namespace descent::optimizers

#endif  // CORE_OPTIMIZERS_FTRL_H_
