// Assertions of invariants. A failed check is a bug of ours, never something a caller sent.

#ifndef CORE_CHECK_H_
#define CORE_CHECK_H_

namespace descent {

// Prints the condition and its place to stderr and aborts.
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

}  // namespace descent

// Aborts with a message unless the condition holds. Checked in every build.
#define DESCENT_CHECK(condition)                       \
  (static_cast<bool>(condition) ? static_cast<void>(0) \
                                : ::descent::CheckFailed(#condition, __FILE__, __LINE__))

#endif  // CORE_CHECK_H_
