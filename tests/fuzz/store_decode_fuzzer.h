// What is read from the data directory against any bytes.

#ifndef TESTS_FUZZ_STORE_DECODE_FUZZER_H_
#define TESTS_FUZZ_STORE_DECODE_FUZZER_H_

#include <cstddef>
#include <cstdint>

namespace descent::store {

// The first byte of an input to the fuzzer; the rest are the bytes to be decoded.
enum class Fuzzed : std::uint8_t { kRecords, kImageHeader, kAnswer, kSettings };

// Of an image header.
inline constexpr std::int64_t kMostFuzzedBytes = 1 << 20;

}  // namespace descent::store

// Decodes; aborts when what was decoded can't be encoded and decoded again, or when an error is
// another than DATA_LOSS (STORED_STATE_DAMAGED).
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

#endif  // TESTS_FUZZ_STORE_DECODE_FUZZER_H_
