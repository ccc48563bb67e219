// Requests of the Open Inference Protocol, as messages and as HTTP has them, against any bytes.

#ifndef TESTS_FUZZ_INFERENCE_FUZZER_H_
#define TESTS_FUZZ_INFERENCE_FUZZER_H_

#include <cstddef>
#include <cstdint>

// The first byte is even before a message, odd before a body, of which the second byte of the input
// says how much of the rest comes behind its JSON.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

#endif  // TESTS_FUZZ_INFERENCE_FUZZER_H_
