// Data made on the spot, so that a network can be trained with no file at hand. The same options
// give the same rows on every machine (to the rounding of its math library).
//
//   friedman1    regression: y = 10 sin(pi x1 x2) + 20 (x3 - 1/2)^2 + 10 x4 + 5 x5 + noise * N(0,
//   1)
//                with x1, ..., x10 uniform on [0, 1), the last five without effect.
//                Friedman (1991), Ann. Statist. 19(1), 1-67. No model has a lower RMSE than
//                `noise`.
//   two-spirals  two classes: points (r cos a, r sin a) with r = a / a_max along two turns, the
//   other
//                spiral being the same turned by half a circle, each coordinate + noise * N(0, 1).
//                After Lang and Witbrock (1988). The arms are 1/4 apart.

#ifndef CLIENT_CLI_TABLES_GENERATORS_H_
#define CLIENT_CLI_TABLES_GENERATORS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/tables/table.h"

namespace descent::cli {

struct GeneratorOptions {
  int64_t rows = 10000;
  std::optional<double> noise = std::nullopt;  // unset: friedman1 1, two-spirals 0.02
  uint64_t seed = 0;
};

// The names that Generate knows.
std::vector<std::string> GeneratorNames();

// A usage error for an unknown name, negative rows, or a noise that is negative or not finite.
absl::StatusOr<Table> Generate(absl::string_view name, const GeneratorOptions& options);

}  // namespace descent::cli

#endif  // CLIENT_CLI_TABLES_GENERATORS_H_
