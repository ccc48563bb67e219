#include "tests/fuzz/store_decode_fuzzer.h"

#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "core/error.h"
#include "server/store/format/codec.h"
#include "server/store/format/settings_json.h"

namespace descent::store {
namespace {

// Checks one input: decoding an encoded value gives what encodes to the same bytes.
template <typename Decode, typename Encode>
void Check(std::string_view bytes, Decode decode, Encode encode) {
  const auto value = decode(bytes);
  if (!value.ok()) {
    DESCENT_CHECK(value.status().code() == absl::StatusCode::kDataLoss);
    DESCENT_CHECK(GetErrorDetails(value.status()).reason == "STORED_STATE_DAMAGED");
    return;
  }
  const std::string encoded = encode(*value);
  const auto again = decode(encoded);
  DESCENT_CHECK(again.ok());
  DESCENT_CHECK(encode(*again) == encoded);
}

std::string EncodeRecords(const std::vector<UpdateRecord>& records) {
  std::string bytes;
  for (const UpdateRecord& record : records) AppendRecord(record, &bytes);
  return bytes;
}

}  // namespace
}  // namespace descent::store

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The entry point stands outside of all namespaces.
  using namespace descent::store;  // NOLINT(google-build-using-namespace)
  if (size == 0) return -1;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (static_cast<Fuzzed>(data[0])) {
    case Fuzzed::kRecords:
      Check(bytes, DecodeRecords, EncodeRecords);
      return 0;
    case Fuzzed::kImageHeader:
      Check(
          bytes,
          [](std::string_view header) { return DecodeImageHeader(header, kMostFuzzedBytes); },
          EncodeImageHeader);
      return 0;
    case Fuzzed::kAnswer:
      Check(bytes, DecodeAnswer, EncodeAnswer);
      return 0;
    case Fuzzed::kSettings:
      Check(bytes, SettingsFromJson, SettingsToJson);
      return 0;
  }
  return -1;
}
