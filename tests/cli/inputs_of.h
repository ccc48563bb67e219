// A data set's inputs as a network gets them.

#ifndef TESTS_CLI_INPUTS_OF_H_
#define TESTS_CLI_INPUTS_OF_H_

#include <vector>

#include "client/cli/encoding/batches.h"
#include "client/descent/tensor.h"

namespace descent::cli {

// Row after row.
inline std::vector<float> InputsOf(const Dataset& dataset) {
  return client::TensorValues<float>(GatherInputs(dataset, AllRows(dataset.rows))).value();
}

}  // namespace descent::cli

#endif  // TESTS_CLI_INPUTS_OF_H_
