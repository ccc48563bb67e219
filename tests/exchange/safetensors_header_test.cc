// Headers that are wrong in every way that a header can be, each refused for what it is.

#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/exchange/safetensors/header.h"
#include "tests/support/status_matchers.h"

namespace descent::exchange {
namespace {

using ::descent::testing::FailsAt;
using ::descent::testing::IsOk;
using ::descent::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string Length(std::uint64_t length) {
  return std::string(reinterpret_cast<const char*>(&length), sizeof length);
}

absl::StatusOr<SafetensorsHeader> Read(const std::string& json, std::size_t data_bytes = 0) {
  return ReadHeader(
      absl::Cord(absl::StrCat(Length(json.size()), json, std::string(data_bytes, '\0'))));
}

TEST(SafetensorsHeader, SaysWhatThereIs) {
  const auto header =
      Read(R"({"b":{"dtype":"F32","shape":[2,3],"data_offsets":[8,32]},"__metadata__":{"k":"v"},)"
           R"("a":{"shape":[],"dtype":"F64","data_offsets":[0,8]},)"
           R"("empty":{"dtype":"BF16","shape":[0,7],"data_offsets":[8,8]}}   )",
           32);
  ASSERT_THAT(header, IsOk());
  EXPECT_THAT(header->metadata, ElementsAre(std::pair("k", "v")));
  ASSERT_THAT(header->tensors, SizeIs(3));
  EXPECT_THAT(header->tensors[0].name, Eq("a"));
  EXPECT_THAT(header->tensors[0].shape, IsEmpty());
  EXPECT_THAT(header->tensors[1].name, Eq("empty"));
  EXPECT_THAT(header->tensors[2].name, Eq("b"));
  EXPECT_THAT(header->tensors[2].elements(), Eq(6));
}

TEST(SafetensorsHeader, MayBeOfNothing) { EXPECT_THAT(Read("{}"), IsOk()); }

TEST(SafetensorsHeader, RefusesByName) {
  const std::string deep(200'000, '[');
  const auto tensor = [](std::string_view fields) {
    return absl::StrCat(R"({"weights":{)", std::string(fields), "}}");
  };
  struct Case {
    std::string json;
    std::size_t data_bytes;
    const char* said;
  };
  for (
      const Case& c : {
          // What is no header.
          Case{"[]", 0, "does not begin with {"},
          Case{"  {}", 0, "does not begin with {"},
          Case{"{", 0, "no JSON"},
          Case{"{} x", 0, "no JSON"},
          Case{"{}{}", 0, "no JSON"},
          Case{"{\"\xff\":1}", 0, "no JSON in UTF-8"},
          Case{R"({"a":1})", 0, "expected an object of the name \"a\", got a number"},
          Case{R"({"a":null})", 0, "got null"},
          Case{R"({"a":true})", 0, "got a boolean"},
          Case{R"({"a":"text"})", 0, "got a text"},
          Case{R"({"a":[]})", 0, "got an array"},
          Case{R"({"a":{"b":{}}})", 0, "unknown field \"b\""},
          // Depth.
          Case{absl::StrCat(R"({"a":)", deep), 0, "got an array"},
          Case{tensor(absl::StrCat(R"("shape":)", deep)), 0, "has an array in it"},
          Case{tensor(R"("dtype":{})"), 0, "has an object in it"},
          Case{absl::StrCat(R"({"__metadata__":{"k":)", deep), 0, "got an array"},
          // Metadata.
          Case{R"({"__metadata__":{"k":1}})", 0, "text of the metadata's key \"k\", got a number"},
          Case{R"({"__metadata__":{"k":{}}})", 0, "got an object"},
          Case{R"({"__metadata__":{"k":"1","k":"2"}})", 0, "the key \"k\" twice"},
          Case{R"({"__metadata__":{},"__metadata__":{}})", 0, "the name \"__metadata__\" twice"},
          Case{R"({"__metadata__":"text"})", 0, "got a text"},
          // Fields of a tensor.
          Case{tensor(R"("dtype":"F32","shape":[])"), 0, "expected dtype, shape and data_offsets"},
          Case{tensor(R"("dtype":"F32","data_offsets":[0,4])"), 4, "expected dtype, shape"},
          Case{tensor(R"("shape":[],"data_offsets":[0,4])"), 4, "expected dtype, shape"},
          Case{tensor(R"("dtype":"F33","shape":[],"data_offsets":[0,4])"), 4,
               "type \"F33\" is not known"},
          Case{tensor(R"("dtype":"F4","shape":[],"data_offsets":[0,4])"), 4, "not known"},
          Case{tensor(R"("dtype":7)"), 0, "\"dtype\" has a number in it"},
          Case{tensor(R"("shape":"F32")"), 0, "\"shape\" has a text in it"},
          Case{tensor(R"("dtype":"F32","dtype":"F32")"), 0, "dtype twice"},
          Case{tensor(R"("shape":[],"shape":[])"), 0, "shape twice"},
          Case{tensor(R"("data_offsets":[0,0],"data_offsets":[0,0])"), 0, "data_offsets twice"},
          Case{tensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,4],"extra":"1")"), 4,
               "unknown field \"extra\""},
          Case{tensor(R"("shape":[-1])"), 0, "negative number"},
          Case{tensor(R"("shape":[1.0])"), 0, "the number \"1.0\""},
          Case{tensor(R"("shape":[1e3])"), 0, "the number \"1e3\""},
          Case{tensor(R"("shape":[18446744073709551615])"), 0, "beyond 63 bits"},
          Case{tensor(R"("shape":[99999999999999999999999])"), 0, "the number"},
          Case{
              tensor(
                  R"("shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1])"),
              0, "at most 32 numbers"},
          Case{tensor(R"("data_offsets":[0,1,2])"), 0, "at most 2 numbers"},
          Case{tensor(R"("dtype":"F32","shape":[1],"data_offsets":[0])"), 4, "begin and end"},
          Case{tensor(R"("dtype":"F32","shape":[1],"data_offsets":[])"), 4, "begin and end"},
          // Twice the same.
          Case{R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
               R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
               0, "the name \"a\" twice"},
          // Sizes and places.
          Case{tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"), 4,
               "F32 [2] takes 8 bytes, got data_offsets [0, 4]"},
          Case{tensor(R"("dtype":"F32","shape":[],"data_offsets":[0,8])"), 8, "takes 4 bytes"},
          Case{tensor(R"("dtype":"F32","shape":[0],"data_offsets":[0,4])"), 4, "takes 0 bytes"},
          Case{tensor(R"("dtype":"F64","shape":[4611686018427387904,4],"data_offsets":[0,0])"), 0,
               "more than 63 bits"},
          Case{tensor(R"("dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0])"), 0,
               "more than 63 bits"},
          Case{tensor(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])"), 8,
               "expected its bytes to begin at 0"},
          Case{tensor(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])"), 4, "begin at 0"},
          Case{tensor(R"("dtype":"F32","shape":[0],"data_offsets":[0,9223372036854775807])"), 0,
               "takes 0 bytes"},
          // Overlap, a hole, something after the last, the file cut short.
          Case{R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
               R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
               12, "tensor \"b\": expected its bytes to begin at 8"},
          Case{R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
               R"("b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
               8, "tensor \"b\": expected its bytes to begin at 8"},
          Case{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
               R"("b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
               12, "begin at 4"},
          Case{tensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])"), 5,
               "expected 4 bytes after its header"},
          Case{tensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])"), 3,
               "expected 4 bytes after its header, where its tensors end, got 3"},
          Case{"{}", 1, "expected 0 bytes"},
      }) {
    const auto header = Read(c.json, c.data_bytes);
    EXPECT_THAT(header, FailsAt("file", "MALFORMED_FILE")) << c.json.substr(0, 200);
    EXPECT_THAT(header, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.said)))
        << c.json.substr(0, 200);
  }
}

TEST(SafetensorsHeader, RefusesLengthsThatAreNone) {
  const auto read = [](const std::string& file) { return ReadHeader(absl::Cord(file)); };
  EXPECT_THAT(read(""), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("ends within")));
  EXPECT_THAT(read("1234567"), FailsAt("file", "MALFORMED_FILE"));
  EXPECT_THAT(read(Length(0)), FailsAt("file", "MALFORMED_FILE"));
  EXPECT_THAT(read(Length(3) + "{}"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("ends within its header")));
  for (const std::uint64_t length :
       {std::uint64_t{100'000'001}, std::uint64_t{1} << 63, ~std::uint64_t{0}, ~std::uint64_t{7}}) {
    EXPECT_THAT(read(Length(length) + "{}"),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more than 100000000")));
  }
}

TEST(SafetensorsHeader, IsRefusedAsSoonAsItCanNotBecomeOne) {
  const auto check = [](const std::string& file) { return CheckBeginning(absl::Cord(file)); };
  EXPECT_THAT(check(""), IsOk());
  EXPECT_THAT(check("\xff\xff"), IsOk());
  EXPECT_THAT(check(Length(~std::uint64_t{0})), FailsAt("file", "MALFORMED_FILE"));
  EXPECT_THAT(check(Length(100)), IsOk());
  EXPECT_THAT(check(Length(100) + "{"), IsOk());
  EXPECT_THAT(check(Length(100) + "x"), FailsAt("file", "MALFORMED_FILE"));
}

TEST(SafetensorsHeader, KeepsErrorsShort) {
  const std::string name(100'000, 'n');
  const auto header = Read(absl::StrCat(R"({")", name, R"(":1})"));
  EXPECT_THAT(header.status().message(), SizeIs(::testing::Lt(300)));
  EXPECT_THAT(QuotedName("a\x01\"b"), AllOf(HasSubstr("\\x01"), HasSubstr("\\\"")));
}

}  // namespace
}  // namespace descent::exchange
