// The server's options against any file, environment and flags.

#ifndef TESTS_FUZZ_OPTIONS_FUZZER_H_
#define TESTS_FUZZ_OPTIONS_FUZZER_H_

#include <cstddef>
#include <cstdint>

namespace descent {

// What the first byte of an input says of the rest, taken modulo their number.
enum class OptionSource : std::uint8_t {
  kFile,         // the contents of the file of --config
  kEnvironment,  // variables, one a line: NAME=VALUE, of those that are ours
  kFlags,        // flags, one a line
};
inline constexpr int kOptionSources = 3;

}  // namespace descent

// Parses the options; aborts when they are neither taken, with values in their ranges, nor refused
// with a message, or when what --print-config prints is not read back as what it was.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

#endif  // TESTS_FUZZ_OPTIONS_FUZZER_H_
