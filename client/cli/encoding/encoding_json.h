// An encoding as JSON: how it is kept with its model, in the label kEncodingLabel or, where that
// would be too long, in the model's client data.
//
//   {"version": 1, "header": true, "delimiter": ",", "fields": 3,
//    "inputs": [{"name": "rooms", "field": 0, "mean": 2635.8, "scale": 2181.5, "median": 2127.0},
//               {"name": "ocean", "field": 2, "categories": ["INLAND", "NEAR BAY"]}],
//    "target": {"name": "value", "field": 1, "mean": 206855.8, "scale": 115392.8},
//    "trained_on": {"rows": 20640, "digest": "f00dfeed12345678"}}
//
// A column written with a unit has "unit": "%", one made of a date "part": "year_sin" (dates.h); a
// file whose cells are written in another way than usual has "decimal", "thousands", "missing" or
// "not_missing". With any of these the version is 2. A target of classes has
// "categories" instead. A column that is embedded has, in the place of "categories",
//
//   "embedding": {"input": "shop", "dimension": 64, "buckets": 8192}
//
// with "numeric": true if its categories are numbers; then the version is 3. A null median says
// that no cell may be missing. One in the client data is packed (packed_text.h). Files that the
// model learnt from after the first are listed in "trained_later_on", in the form of "trained_on".

#ifndef CLIENT_CLI_ENCODING_ENCODING_JSON_H_
#define CLIENT_CLI_ENCODING_ENCODING_JSON_H_

#include <string>

#include "absl/status/statusor.h"
#include "client/cli/encoding/encoding.h"

namespace descent::cli {

inline constexpr char kEncodingLabel[] = "descent.encoding";

// A data error if a name or category is not UTF-8, which a label must be.
absl::StatusOr<std::string> EncodingToJson(const Encoding& encoding);

// FailedPrecondition if the text is no encoding, or one of a version not known here.
absl::StatusOr<Encoding> EncodingFromJson(const std::string& text);

}  // namespace descent::cli

#endif  // CLIENT_CLI_ENCODING_ENCODING_JSON_H_
