// Bytes as an ONNX file.

#ifndef TESTS_FUZZ_ONNX_IMPORT_FUZZER_H_
#define TESTS_FUZZ_ONNX_IMPORT_FUZZER_H_

#include <cstddef>
#include <cstdint>

// Reads them; aborts when what was read is not finite, of more bytes than the file allows, or can't
// be written and read again as the same file, or when an error is another than INVALID_ARGUMENT or
// names nothing. The first byte says which loss is hinted at.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

#endif  // TESTS_FUZZ_ONNX_IMPORT_FUZZER_H_
