// The encoding kept with a model, packed or not, against any text.

#ifndef TESTS_FUZZ_ENCODING_JSON_FUZZER_H_
#define TESTS_FUZZ_ENCODING_JSON_FUZZER_H_

#include <cstddef>
#include <cstdint>

// Unpacks and reads; aborts when what was read can't be written and read again, or when an error is
// another than FAILED_PRECONDITION. The first byte is not looked at.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

#endif  // TESTS_FUZZ_ENCODING_JSON_FUZZER_H_
