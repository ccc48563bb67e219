#include "client/cli/encoding/encoding_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/cli/message.h"

namespace descent::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointee;

Encoding Example() {
  Encoding encoding;
  encoding.csv.delimiter = ';';
  encoding.fields = 4;
  encoding.inputs = {{"rooms", 0, NumberEncoding{{0.1 + 0.2, 1.0 / 3.0}, 1e-300}},
                     {"océan \"x\"", 2, CategoryEncoding{{"<1H OCEAN", "?"}}}};
  encoding.target = {"value", 3, Standardization{206855.81690891474, 115392.8}};
  return encoding;
}

TEST(EncodingJsonTest, ComesBackToTheLastBit) {
  const Encoding before = Example();
  const Encoding after = EncodingFromJson(EncodingToJson(before).value()).value();
  EXPECT_TRUE(after.csv.header);
  EXPECT_EQ(after.csv.delimiter, ';');
  EXPECT_EQ(after.fields, 4);
  ASSERT_EQ(after.inputs.size(), 2U);
  EXPECT_EQ(after.inputs[0].name, "rooms");
  const auto& number = std::get<NumberEncoding>(after.inputs[0].values);
  EXPECT_EQ(number.standardization.mean, 0.1 + 0.2);
  EXPECT_EQ(number.standardization.scale, 1.0 / 3.0);
  EXPECT_EQ(number.median, 1e-300);
  EXPECT_EQ(after.inputs[1].name, "océan \"x\"");
  EXPECT_EQ(after.inputs[1].field, 2);
  EXPECT_THAT(std::get<CategoryEncoding>(after.inputs[1].values).categories,
              ElementsAre("<1H OCEAN", "?"));
  EXPECT_EQ(after.target.name, "value");
  EXPECT_EQ(after.target.field, 3);
  EXPECT_EQ(std::get<Standardization>(after.target.values).mean, 206855.81690891474);
}

TEST(EncodingJsonTest, KeepsClasses) {
  Encoding encoding = Example();
  encoding.target.values = CategoryEncoding{{"<=50K", ">50K"}};
  const Encoding after = EncodingFromJson(EncodingToJson(encoding).value()).value();
  EXPECT_THAT(after.target.classes(), Pointee(ElementsAre("<=50K", ">50K")));
}

TEST(EncodingJsonTest, KeepsThatNoCellMayBeMissing) {
  const Encoding plain = PlainEncoding(1, 0, 1);
  const Encoding after = EncodingFromJson(EncodingToJson(plain).value()).value();
  EXPECT_TRUE(std::isnan(std::get<NumberEncoding>(after.inputs[0].values).median));
}

TEST(EncodingJsonTest, KeepsHowCellsAreWritten) {
  EXPECT_THAT(EncodingToJson(Example()).value(), HasSubstr("\"version\":1,"));
  Encoding encoding = Example();
  encoding.csv.cells = {.decimal = ',', .thousands = '.', .missing = {"-999"}, .values = {"NA"}};
  encoding.inputs[0].unit = "€";
  encoding.inputs.push_back({"when", 1, NumberEncoding{{0, 1}, 0}, "", DatePart::kYearSin});
  encoding.target.unit = "%";
  const std::string json = EncodingToJson(encoding).value();
  EXPECT_THAT(json, HasSubstr("\"version\":2,"));
  const Encoding after = EncodingFromJson(json).value();
  EXPECT_EQ(after.csv.cells, encoding.csv.cells);
  EXPECT_EQ(after.inputs[0].unit, "€");
  EXPECT_EQ(after.inputs[2].part, DatePart::kYearSin);
  EXPECT_EQ(after.target.unit, "%");
}

TEST(EncodingJsonTest, RefusesTextThatIsNotUtf8) {
  Encoding encoding = Example();
  encoding.inputs[0].name = "caf\xE9";
  const absl::Status status = EncodingToJson(encoding).status();
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kBadData);
  EXPECT_THAT(Message(status), HasSubstr("names and categories must be UTF-8"));
}

TEST(EncodingJsonTest, KeepsWhatItWasTrainedOn) {
  Encoding encoding = Example();
  EXPECT_EQ(EncodingFromJson(EncodingToJson(encoding).value())->trained_on.size(), 0U);
  encoding.trained_on = {{20640, 0xF00DFEED12345678}, {3, 7}, {1, 2}};
  EXPECT_EQ(EncodingFromJson(EncodingToJson(encoding).value())->trained_on, encoding.trained_on);
}

// Takes an example apart, changes it and reads it.
absl::Status StatusAfter(const std::string& pointer, const nlohmann::json& value) {
  nlohmann::json json = nlohmann::json::parse(EncodingToJson(Example()).value());
  json[nlohmann::json::json_pointer(pointer)] = value;
  return EncodingFromJson(json.dump()).status();
}

TEST(EncodingJsonTest, RefusesWhatItDoesNotUnderstand) {
  for (const char* text : {"", "{", "[]", "{}", "null"}) {
    EXPECT_EQ(EncodingFromJson(text).status().code(), absl::StatusCode::kFailedPrecondition)
        << text;
  }
  EXPECT_THAT(Message(StatusAfter("/version", 4)), HasSubstr("its version is not known"));
  EXPECT_THAT(Message(StatusAfter("/inputs/0/field", 4)), HasSubstr("out of range"));
  EXPECT_THAT(Message(StatusAfter("/inputs/0/field", -1)), HasSubstr("out of range"));
  EXPECT_THAT(Message(StatusAfter("/inputs/0/scale", 0)), HasSubstr("a scale is not positive"));
  EXPECT_THAT(Message(StatusAfter("/inputs/1/categories", nlohmann::json::array())),
              HasSubstr("a list of categories is empty"));
  EXPECT_THAT(Message(StatusAfter("/delimiter", ",,")), HasSubstr("not one character"));
  EXPECT_THAT(Message(StatusAfter("/thousands", ".")), HasSubstr("are the same"));
  EXPECT_THAT(Message(StatusAfter("/inputs/0/part", "month")), HasSubstr("is not known here"));
  EXPECT_FALSE(StatusAfter("/missing", "x").ok());
  EXPECT_FALSE(StatusAfter("/target/mean", "x").ok());
  EXPECT_THAT(Message(StatusAfter("/inputs/0/field", 0.5)), HasSubstr("not an integer"));
  EXPECT_THAT(Message(StatusAfter("/fields", 1e300)), HasSubstr("not an integer"));
  EXPECT_THAT(Message(StatusAfter("/fields", UINT64_MAX)), HasSubstr("not an integer"));
  EXPECT_THAT(Message(StatusAfter("/trained_on", {{"rows", 3}, {"digest", "xyz"}})),
              HasSubstr("no fingerprint"));
  EXPECT_TRUE(StatusAfter("/version", 1).ok());
}

TEST(EncodingJsonTest, KeepsColumnsThatAreEmbedded) {
  Encoding encoding = Example();
  encoding.inputs.push_back({"Shop", 1, EmbeddedEncoding{"shop", 64, 8192, true}});
  encoding.inputs.push_back({"shop", 3, EmbeddedEncoding{"shop_2", 2, 2147483647}});
  const std::string json = EncodingToJson(encoding).value();
  EXPECT_THAT(json, HasSubstr("\"version\":3,"));
  EXPECT_THAT(json, HasSubstr(R"("embedding":{"input":"shop","dimension":64,"buckets":8192,)"
                              R"("numeric":true})"));
  const Encoding after = EncodingFromJson(json).value();
  ASSERT_EQ(after.embedded().size(), 2U);
  EXPECT_EQ(after.features(), 3);
  EXPECT_EQ(after.embedded()[0]->input, "shop");
  EXPECT_EQ(after.embedded()[0]->dimension, 64);
  EXPECT_EQ(after.embedded()[0]->buckets, 8192);
  EXPECT_TRUE(after.embedded()[0]->numeric);
  EXPECT_FALSE(after.embedded()[1]->numeric);
  EXPECT_EQ(after.embedded()[1]->buckets, 2147483647);
}

TEST(EncodingJsonTest, RefusesWhatNoNetworkCanEmbed) {
  Encoding encoding = Example();
  encoding.inputs.push_back({"Shop", 1, EmbeddedEncoding{"shop", 64, 8192}});
  encoding.inputs.push_back({"shop", 3, EmbeddedEncoding{"shop_2", 2, 1024}});
  const nlohmann::json good = nlohmann::json::parse(EncodingToJson(encoding).value());
  struct Case {
    const char* pointer;
    nlohmann::json value;
    const char* message;
  };
  for (const Case& each : std::vector<Case>{
           {"/inputs/2/embedding/dimension", 0, "a size of an embedding is out of range"},
           {"/inputs/2/embedding/dimension", int64_t{1} << 31, "out of range"},
           {"/inputs/2/embedding/buckets", -1, "out of range"},
           {"/inputs/2/embedding/buckets", 1.5, "not an integer"},
           {"/inputs/2/embedding/buckets", "many", "not an integer"},
           {"/inputs/2/embedding/input", "Shop", "a name of a categorical input is none"},
           {"/inputs/2/embedding/input", "inputs", "is none"},
           {"/inputs/2/embedding/input", "", "is none"},
           {"/inputs/2/embedding/input", 3, "type"},
           {"/inputs/2/embedding/input", "shop_2", "two categorical inputs have one name"},
           {"/inputs/2/embedding/numeric", "yes", "type"},
           {"/inputs/2/embedding", 7, "type"},
           {"/inputs/2/embedding", nullptr, "type"},
           {"/version", 4, "its version is not known"},
       }) {
    nlohmann::json json = good;
    json[nlohmann::json::json_pointer(each.pointer)] = each.value;
    const absl::Status status = EncodingFromJson(json.dump()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << each.pointer;
    EXPECT_THAT(Message(status), HasSubstr(each.message)) << each.pointer << " " << each.value;
  }
}

}  // namespace
}  // namespace descent::cli
