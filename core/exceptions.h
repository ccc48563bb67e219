// The edge where what a library throws becomes a status. Our own code throws nothing, but the
// standard library and protobuf do where memory ends, and a mistake of ours may make them.

#ifndef CORE_EXCEPTIONS_H_
#define CORE_EXCEPTIONS_H_

#include <type_traits>
#include <utility>

#include "absl/status/status.h"

namespace descent {

// Of the exception that is being handled. RESOURCE_EXHAUSTED (OUT_OF_MEMORY) where memory was asked
// for that there is not, otherwise INTERNAL (INTERNAL_ERROR). Only inside a catch clause.
absl::Status StatusOfException();

// What work() returns, an absl::Status or StatusOr, or what it throws as one. For work that leaves
// nothing half done when it throws.
template <typename Work>
std::invoke_result_t<Work> CatchExceptions(Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (...) {
    return StatusOfException();
  }
}

}  // namespace descent

#endif  // CORE_EXCEPTIONS_H_
