// The heads of the journal log's frames, and the records behind them, against any bytes.

#ifndef TESTS_FUZZ_JOURNAL_FRAME_FUZZER_H_
#define TESTS_FUZZ_JOURNAL_FRAME_FUZZER_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace descent::store {

// The salt of the log that inputs are read as.
inline constexpr std::uint64_t kFuzzedSalt = 0x0123456789abcdef;

// How an input's bytes are read, by its first byte: as they are; or as a head with its magic, its
// length and its checksum put right, which no fuzzer would find by itself.
enum class FuzzedFrame : std::uint8_t { kAsItIs, kHead };

// Puts them right, where `frame` is long enough.
void PutHeadRight(std::string* frame);

}  // namespace descent::store

// Aborts when a head that is read is not the one that would be written, when its rows lie outside
// it, or when a flipped bit is not found.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

#endif  // TESTS_FUZZ_JOURNAL_FRAME_FUZZER_H_
