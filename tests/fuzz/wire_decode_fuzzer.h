// The requests' decoders against any bytes.

#ifndef TESTS_FUZZ_WIRE_DECODE_FUZZER_H_
#define TESTS_FUZZ_WIRE_DECODE_FUZZER_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "google/protobuf/message.h"

namespace descent::wire {

// One message of each request that is decoded. An input to the fuzzer begins with an index into
// them; the rest are a request's bytes.
absl::Span<const google::protobuf::Message* const> FuzzedRequests();

}  // namespace descent::wire

// Parses and decodes; aborts when a decoder lets something pass that the engine would refuse.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

#endif  // TESTS_FUZZ_WIRE_DECODE_FUZZER_H_
