// A request for predictions, as its JSON has it.

#ifndef SERVER_REST_JSON_REQUEST_H_
#define SERVER_REST_JSON_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "inference/open_inference.pb.h"

namespace descent::rest {

// Objects and arrays that may be open at a time.
inline constexpr int kMostDepth = 32;

// What data consists of, as far as it has come.
enum class JsonData : std::uint8_t {
  kNothing,
  kWholeNumbers,  // all of 64 bits with a sign
  kNumbers,       // as doubles, for some are no such numbers
  kTexts,
};

struct JsonInput {
  bool has_data = false;
  bool has_truths = false;  // true or false is among its numbers
  JsonData kind = JsonData::kNothing;
  std::size_t count = 0;
  // Row by row, however they were nested, as raw contents have them: std::int64_t, double, or
  // BYTES.
  std::string raw;
};

// Makes doubles of whole numbers.
void RoundToDoubles(JsonInput* input);

struct JsonRequest {
  std::string model_name;     // empty: not said
  std::string model_version;  // likewise
  // But for the contents of its inputs.
  inference::ModelInferRequest message;
  std::vector<JsonInput> inputs;  // one for each of the message's
};

// One pass over the text, which builds nothing but that. INVALID_ARGUMENT, see inference_json.h.
absl::StatusOr<JsonRequest> ParseJsonRequest(std::string_view text);

}  // namespace descent::rest

#endif  // SERVER_REST_JSON_REQUEST_H_
