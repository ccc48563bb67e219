// Early return of absl::Status errors.

#ifndef CORE_STATUS_MACROS_H_
#define CORE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define DESCENT_STATUS_CONCAT_INNER(a, b) a##b
#define DESCENT_STATUS_CONCAT(a, b) DESCENT_STATUS_CONCAT_INNER(a, b)

// Returns from the enclosing function when `expression`, an absl::Status, is an error.
#define RETURN_IF_ERROR(expression)                  \
  do {                                               \
    absl::Status descent_status = (expression);      \
    if (!descent_status.ok()) return descent_status; \
  } while (false)

// ASSIGN_OR_RETURN(auto x, F()): x gets the value of the absl::StatusOr, or its error is returned.
#define ASSIGN_OR_RETURN(declaration, expression)                                         \
  DESCENT_ASSIGN_OR_RETURN(DESCENT_STATUS_CONCAT(descent_result_, __LINE__), declaration, \
                           expression)

// A declaration in parentheses is none.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define DESCENT_ASSIGN_OR_RETURN(result, declaration, expression) \
  auto result = (expression);                                     \
  if (!result.ok()) return std::move(result).status();            \
  declaration = *std::move(result)
// NOLINTEND(bugprone-macro-parentheses)

#endif  // CORE_STATUS_MACROS_H_
