// Which build of the core is running.

#ifndef CORE_INSTRUCTION_SET_H_
#define CORE_INSTRUCTION_SET_H_

#include <string_view>

namespace descent {

// "x86-64", "x86-64-v3", "x86-64-v4" or "aarch64": what the loaded core was compiled for. Results
// are the same to the bit on all of them (core/engine_version.h); their speed is not.
std::string_view InstructionSet();

}  // namespace descent

#endif  // CORE_INSTRUCTION_SET_H_
