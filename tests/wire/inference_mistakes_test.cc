// Everything that can be wrong with categorical inputs in the Open Inference Protocol.

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "core/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/wire/inference.h"
#include "server/wire/inference_inputs.h"
#include "tests/support/status_matchers.h"
#include "tests/wire/mixed_request.h"
#include "tests/wire/text_message.h"

namespace descent::wire {
namespace {

using descent::testing::FailsAt;
using descent::testing::IsOk;
using inference::InferTensorContents;
using inference::ModelInferRequest;
using ::testing::HasSubstr;

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

TEST(InferenceMistakesTest, EachMistakeNamesItsField) {
  using Request = ModelInferRequest;
  const auto remove = [](Request* r, int index) {
    r->mutable_inputs()->DeleteSubrange(index, 1);
    r->mutable_raw_input_contents()->DeleteSubrange(index, 1);
  };
  // The input at `index`, of other texts than it had.
  const auto texts = [](Request* r, const std::string& raw) {
    *r->mutable_raw_input_contents(2) = raw;
  };
  // All of it typed, and so to be filled.
  const auto typed = [](Request* r) {
    r->clear_raw_input_contents();
    const char* const contents[] = {"fp32_contents: [1, 2, 3, 4, 5, 6]",
                                    "int64_contents: [0, 7, 199]",
                                    "bytes_contents: ['CH', '', 'FR']"};
    for (int i = 0; i < 3; ++i) {
      *r->mutable_inputs(i)->mutable_contents() = FromText<InferTensorContents>(contents[i]);
    }
  };
  const struct {
    const char* name;
    std::function<void(Request*)> spoil;
    const char* field;
    const char* reason;
    const char* message;
  } cases[] = {
      {"no numbers", [&](Request* r) { remove(r, 0); }, "inputs", "REQUIRED_FIELD",
       R"(expected "inputs", "shop", "country"; "inputs" is missing)"},
      {"no ids", [&](Request* r) { remove(r, 1); }, "inputs", "REQUIRED_FIELD",
       R"("shop" is missing)"},
      {"no texts", [&](Request* r) { remove(r, 2); }, "inputs", "REQUIRED_FIELD",
       R"("country" is missing)"},
      {"an unknown input", [](Request* r) { r->mutable_inputs(2)->set_name("land"); },
       "inputs[2].name", "UNKNOWN_TENSOR", R"(no "land", only "inputs", "shop", "country")"},
      {"an input twice", [](Request* r) { r->mutable_inputs(2)->set_name("shop"); },
       "inputs[2].name", "CONTRADICTORY_FIELDS", R"("shop" is there twice)"},
      {"numbers twice", [](Request* r) { r->mutable_inputs(2)->set_name("inputs"); },
       "inputs[2].name", "CONTRADICTORY_FIELDS", R"("inputs" is there twice)"},
      {"no name", [](Request* r) { r->mutable_inputs(1)->clear_name(); }, "inputs[1].name",
       "REQUIRED_FIELD", "required"},
      {"no datatype", [](Request* r) { r->mutable_inputs(1)->clear_datatype(); },
       "inputs[1].datatype", "WRONG_DATA_TYPE", "required"},
      {"an unknown datatype", [](Request* r) { r->mutable_inputs(1)->set_datatype("int64"); },
       "inputs[1].datatype", "WRONG_DATA_TYPE", R"(unknown datatype "int64")"},
      {"ids that are floats", [](Request* r) { r->mutable_inputs(1)->set_datatype("FP64"); },
       "inputs[1].datatype", "WRONG_DATA_TYPE", "expected ids of shop"},
      {"ids that are truths", [](Request* r) { r->mutable_inputs(2)->set_datatype("BOOL"); },
       "inputs[2].datatype", "WRONG_DATA_TYPE", "or texts, of BYTES, got BOOL"},
      {"texts without hashing", [](Request* r) { r->mutable_inputs(1)->set_datatype("BYTES"); },
       "inputs[1].datatype", "INVALID_FIELD", "takes ids of shop"},
      {"numbers that are texts", [](Request* r) { r->mutable_inputs(0)->set_datatype("BYTES"); },
       "inputs[0].datatype", "WRONG_DATA_TYPE", "not BYTES"},
      {"a row less", [](Request* r) { r->mutable_inputs(1)->set_shape(0, 2); }, "inputs[1]",
       "WRONG_SHAPE", "expected shape [3] or [3, k] with k >= 1, got [2]"},
      {"a row more as a column",
       [](Request* r) {
         r->mutable_inputs(2)->set_shape(0, 4);
         r->mutable_inputs(2)->add_shape(1);
       },
       "inputs[2]", "WRONG_SHAPE", "expected shape [3] or [3, k] with k >= 1, got [4, 1]"},
      {"none a row",
       [](Request* r) {
         r->mutable_inputs(1)->add_shape(0);
         r->mutable_raw_input_contents(1)->clear();
       },
       "inputs[1]", "WRONG_SHAPE", "expected shape [3] or [3, k] with k >= 1, got [3, 0]"},
      {"none a row of as many as there may be",
       [](Request* r) {
         r->mutable_inputs(1)->set_shape(0, kMost);
         r->mutable_inputs(1)->add_shape(0);
         r->mutable_raw_input_contents(1)->clear();
       },
       "inputs[1]", "WRONG_SHAPE", "got [9223372036854775807, 0]"},
      {"a cube",
       [](Request* r) {
         r->mutable_inputs(1)->add_shape(1);
         r->mutable_inputs(1)->add_shape(1);
       },
       "inputs[1]", "WRONG_SHAPE", "got [3, 1, 1]"},
      {"fewer ids than several a row", [](Request* r) { r->mutable_inputs(1)->add_shape(2); },
       "raw_input_contents[1]", "MALFORMED_TENSOR",
       "expected 48 bytes for shape [3, 2] of INT64, got 24"},
      {"fewer texts than several a row", [](Request* r) { r->mutable_inputs(2)->add_shape(7); },
       "raw_input_contents[2]", "MALFORMED_TENSOR",
       "at least 4 bytes for each of 21 texts for shape [3, 7] of BYTES"},
      {"more a row than there can be", [](Request* r) { r->mutable_inputs(1)->add_shape(kMost); },
       "inputs[1].shape", "MALFORMED_TENSOR", "overflows"},
      {"a text less than several a row",
       [&](Request* r) {
         r->mutable_inputs(2)->add_shape(2);
         texts(r, RawTexts({"CH", "", "FR", "IT", "Helvetia"}));
       },
       "raw_input_contents[2]", "MALFORMED_TENSOR",
       "expected a length of 4 bytes at byte 34, of row 2, column 1, got 0"},
      {"an id of several a row out of range",
       [](Request* r) {
         r->mutable_inputs(1)->add_shape(2);
         *r->mutable_raw_input_contents(1) = Raw<std::int64_t>({0, -1, 7, 200, 199, -1});
       },
       "inputs[1]", "INVALID_FIELD",
       "expected an id in [0, 200), or -1 for no category, got 200 at row 1, column 1"},
      {"an id below that of no category",
       [](Request* r) {
         *r->mutable_raw_input_contents(1) = Raw<std::int64_t>({0, -2, -1});
       },
       "inputs[1]", "INVALID_FIELD",
       "expected an id in [0, 200), or -1 for no category, got -2 at row 1"},
      {"padding that is a number",
       [](Request* r) { (*r->mutable_parameters())["padded_categories"].set_int64_param(1); },
       "parameters.padded_categories", "INVALID_FIELD", "expected a bool_param"},
      {"no shape", [](Request* r) { r->mutable_inputs(1)->clear_shape(); }, "inputs[1]",
       "WRONG_SHAPE", "expected shape [3] or [3, k] with k >= 1, got []"},
      {"numbers of fewer rows",
       [](Request* r) {
         r->mutable_inputs()->SwapElements(0, 1);
         r->mutable_raw_input_contents()->SwapElements(0, 1);
         r->mutable_inputs(1)->set_shape(0, 2);
       },
       "inputs[1]", "WRONG_SHAPE", "expected shape [3, 2], got [2, 2]"},
      {"a free dimension", [](Request* r) { r->mutable_inputs(2)->set_shape(0, -1); },
       "inputs[2].shape", "MALFORMED_TENSOR", "-1"},
      {"an overflow", [](Request* r) { r->mutable_inputs(2)->set_shape(0, kMost); },
       "inputs[2].shape", "MALFORMED_TENSOR", "overflows"},
      {"a byte less", [](Request* r) { r->mutable_raw_input_contents(1)->pop_back(); },
       "raw_input_contents[1]", "MALFORMED_TENSOR",
       "expected 24 bytes for shape [3] of INT64, got 23"},
      {"a raw entry less", [](Request* r) { r->mutable_raw_input_contents()->RemoveLast(); },
       "raw_input_contents", "MALFORMED_TENSOR", "each of 3 inputs, or none at all, got 2"},
      {"raw and typed",
       [](Request* r) { r->mutable_inputs(2)->mutable_contents()->add_bytes_contents("CH"); },
       "inputs[2].contents", "CONTRADICTORY_FIELDS", "set already"},
      {"raw and typed ids",
       [](Request* r) { r->mutable_inputs(1)->mutable_contents()->add_int64_contents(1); },
       "inputs[1].contents", "CONTRADICTORY_FIELDS", "set already"},
      {"shared memory",
       [](Request* r) {
         (*r->mutable_inputs(2)->mutable_parameters())["shared_memory_region"].set_string_param(
             "region");
       },
       "inputs[2].parameters.shared_memory_region", "UNSUPPORTED_PARAMETER", "leave it away"},
      {"a text less",
       [&](Request* r) {
         texts(r, RawTexts({"CH", "Helvetia"}));
       },
       "raw_input_contents[2]", "MALFORMED_TENSOR",
       "expected a length of 4 bytes at byte 18, of row 2, got 0"},
      {"a text more",
       [&](Request* r) {
         texts(r, RawTexts({"CH", "", "FR", ""}));
       },
       "raw_input_contents[2]", "MALFORMED_TENSOR",
       "an end behind 3 texts, at byte 16, got 4 bytes more"},
      {"hardly anything",
       [&](Request* r) {
         texts(r, RawTexts({"", ""}));
       },
       "raw_input_contents[2]", "MALFORMED_TENSOR",
       "at least 4 bytes for each of 3 texts for shape [3] of BYTES, got 8"},
      {"a length that is too large",
       [&](Request* r) {
         texts(r, RawTexts({"CH", "FR"}) + std::string("\xff\xff\xff\xff", 4));
       },
       "raw_input_contents[2]", "MALFORMED_TENSOR", "a text of 4294967295 bytes"},
      {"half a length",
       [&](Request* r) {
         texts(r, RawTexts({"CH", "FR"}) + "ab");
       },
       "raw_input_contents[2]", "MALFORMED_TENSOR", "at byte 12, of row 2, got 2"},
      {"typed texts less",
       [&](Request* r) {
         typed(r);
         r->mutable_inputs(2)->mutable_contents()->mutable_bytes_contents()->RemoveLast();
       },
       "inputs[2].contents.bytes_contents", "MALFORMED_TENSOR", "expected 3 values"},
      {"texts among ids",
       [&](Request* r) {
         typed(r);
         r->mutable_inputs(1)->mutable_contents()->add_bytes_contents("CH");
       },
       "inputs[1].contents.bytes_contents", "MALFORMED_TENSOR", "INT64 is in int64_contents"},
      {"ids among texts",
       [&](Request* r) {
         typed(r);
         r->mutable_inputs(2)->mutable_contents()->add_int64_contents(1);
       },
       "inputs[2].contents.int64_contents", "MALFORMED_TENSOR", "BYTES is in bytes_contents"},
      {"typed ids out of range",
       [&](Request* r) {
         typed(r);
         r->mutable_inputs(1)->mutable_contents()->set_int64_contents(2, 200);
       },
       "inputs[1]", "INVALID_FIELD", "got 200 at row 2"},
  };
  for (const auto& [name, spoil, field, reason, message] : cases) {
    ModelInferRequest request = MixedRequest();
    spoil(&request);
    const auto command = Decode(request, Mixed());
    EXPECT_THAT(command, FailsAt(field, reason)) << name;
    EXPECT_THAT(std::string(command.status().message()), HasSubstr(message)) << name;
  }
  ModelInferRequest request = MixedRequest();
  typed(&request);
  EXPECT_THAT(Decode(request, Mixed()), IsOk());
}

TEST(InferenceMistakesTest, RowsThatNobodySentAreNotMade) {
  const auto network = NetworkOf(0, {Shop(), Country()});
  for (const char* datatype : {"INT64", "BYTES"}) {
    ModelInferRequest request;
    AddRaw(&request, "country", datatype, {std::int64_t{1} << 50}, std::string(16, '\0'));
    EXPECT_THAT(Decode(request, *network), FailsAt("raw_input_contents[0]", "MALFORMED_TENSOR"));
    request.mutable_inputs(0)->set_shape(0, 2);
    request.mutable_inputs(0)->add_shape(std::int64_t{1} << 50);
    EXPECT_THAT(Decode(request, *network), FailsAt("raw_input_contents[0]", "MALFORMED_TENSOR"));
    request.clear_raw_input_contents();
    EXPECT_FALSE(Decode(request, *network).ok());
  }
  ModelInferRequest request;
  AddRaw(&request, "country", "BYTES", {0}, "");
  EXPECT_THAT(Decode(request, *network), FailsAt("inputs[0]", "WRONG_SHAPE"));
}

}  // namespace
}  // namespace descent::wire
