// safetensors files of any bytes.

#ifndef TESTS_FUZZ_SAFETENSORS_FUZZER_H_
#define TESTS_FUZZ_SAFETENSORS_FUZZER_H_

#include <cstddef>
#include <cstdint>

// The first byte chooses one of TrainedCases, whose network and optimizer the file is read for. The
// rest is the file; or, where that begins with {, a header up to the last }, which gets its length
// put before it, and the numbers.
//
// Aborts when a file is neither refused with a reason nor read as a model that trains on, to finite
// numbers, and goes out and in again as the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

#endif  // TESTS_FUZZ_SAFETENSORS_FUZZER_H_
