// Page tokens, and the pages they lead to, against any bytes.

#ifndef TESTS_FUZZ_PAGE_TOKEN_FUZZER_H_
#define TESTS_FUZZ_PAGE_TOKEN_FUZZER_H_

#include <cstddef>
#include <cstdint>

// The first byte is the page's size, the second the length of the list, the rest the token.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

#endif  // TESTS_FUZZ_PAGE_TOKEN_FUZZER_H_
