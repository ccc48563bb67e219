// Reading tables against any bytes.

#ifndef TESTS_FUZZ_TABLE_READ_FUZZER_H_
#define TESTS_FUZZ_TABLE_READ_FUZZER_H_

#include <cstddef>
#include <cstdint>

// The bits of the first byte say what the user says of the file (0: nothing), the rest is the file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

#endif  // TESTS_FUZZ_TABLE_READ_FUZZER_H_
