// Messages as bytes: what they cost is known before they are parsed, and what is none is said so.

#include "server/services/message.h"

#include <grpcpp/support/slice.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "descent/v1/model_service.pb.h"
#include "descent/v1/network_service.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "inference/open_inference.pb.h"
#include "tests/services/messages.h"

namespace descent::services {
namespace {

using ::descent::testing::LineModel;
using ::testing::HasSubstr;

constexpr MethodName kStep{"descent.v1.NetworkService", "Step"};
constexpr std::int64_t kMostFields = 1 << 22;

// In slices as the transport makes them.
grpc::ByteBuffer Bytes(const std::string& text, std::size_t slice = 8192) {
  std::vector<grpc::Slice> slices;
  for (std::size_t at = 0; at < text.size(); at += slice)
    slices.emplace_back(text.substr(at, slice));
  return {slices.data(), slices.size()};
}

std::string Repeat(const std::string& text, std::size_t times) {
  std::string repeated;
  repeated.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) repeated += text;
  return repeated;
}

std::string Block(char tag, const std::string& content) {
  std::string size;
  for (std::size_t left = content.size();; left >>= 7) {
    if (left < 128) {
      size += static_cast<char>(left);
      break;
    }
    size += static_cast<char>((left & 127) | 128);
  }
  return std::string(1, tag) + size + content;
}

// A message and what it costs to hold it.
template <typename Message>
void ExpectCovered(const std::string& text, const std::string& what) {
  const MessageCost cost = MeasureMessage(Bytes(text), *Message::descriptor(), kMostFields);
  Message message;
  ASSERT_TRUE(ParseMessage(Bytes(text), kStep, &message).ok()) << what;
  EXPECT_GE(cost.bytes + sizeof(Message), message.SpaceUsedLong()) << what;
  // Far too much would refuse what could be served.
  EXPECT_LE(cost.bytes, 3 * message.SpaceUsedLong() + 1000) << what;
}

TEST(MessageTest, CostsAtLeastWhatItTakes) {
  ExpectCovered<v1::SetParametersRequest>(Repeat(std::string("\x12\0", 2), 100'000), "tensors");
  ExpectCovered<v1::GradientRequest>(Repeat(std::string("\x3a\0", 2), 100'000), "strings");
  ExpectCovered<v1::GradientRequest>(Repeat("\x3a\x14is longer than short", 10'000),
                                     "long strings");
  ExpectCovered<v1::PredictRequest>(Repeat("\x78\x01", 100'000), "unknown fields");
  const std::string varints = Block('\x0a', std::string(1'000'000, '\1'));
  ExpectCovered<v1::PredictRequest>(Block('\x12', Block('\x32', varints)), "packed varints");
  const std::string one_by_one = Repeat("\x08\x01", 100'000);
  ExpectCovered<v1::PredictRequest>(Block('\x12', Block('\x32', one_by_one)), "varints");
  const std::string floats = Block('\x0a', std::string(400'000, '\1'));
  ExpectCovered<v1::PredictRequest>(Block('\x12', Block('\x22', floats)), "floats");
  ExpectCovered<v1::PredictRequest>(Block('\x12', Block('\x1a', std::string(400'000, '\1'))),
                                    "raw");
  const std::string label = Block('\x52', Block('\x0a', "key") + Block('\x12', "value"));
  ExpectCovered<v1::CreateModelRequest>(Block('\x0a', label), "labels");
  ExpectCovered<v1::CreateModelRequest>(LineModel("line").SerializeAsString(), "a model");
}

// Of maps with messages in them too: the parameters of a serving client's request.
TEST(MessageTest, MapsOfMessagesCostWhatTheyTake) {
  inference::ModelInferRequest request;
  for (int i = 0; i < 1000; ++i) {
    (*request.mutable_parameters())[absl::StrCat(i)].set_int64_param(i);
    auto* input = request.add_inputs();
    (*input->mutable_parameters())[absl::StrCat("a name that fits into no small string ", i)]
        .set_string_param(std::string(40, 'x'));
    (*request.add_outputs()->mutable_parameters())["binary_data"].set_bool_param(true);
  }
  ExpectCovered<inference::ModelInferRequest>(request.SerializeAsString(), "parameters");
}

TEST(MessageTest, CountsFieldsAtAllDepthsAndNoFurtherThanNeeded) {
  const std::string text = Block('\x12', Repeat("\x08\x01", 10));
  EXPECT_EQ(MeasureMessage(Bytes(text), *v1::PredictRequest::descriptor(), kMostFields).fields, 11);
  const std::string many = Repeat(std::string("\x12\0", 2), 1000);
  EXPECT_EQ(MeasureMessage(Bytes(many), *v1::SetParametersRequest::descriptor(), 100).fields, 101);
}

TEST(MessageTest, SaysWhatIsNoMessage) {
  for (const std::string& text :
       {std::string("\xff\xff\xff"),
        std::string("\x0a\x05"
                    "abc"),
        std::string("\x0a\x01\xff"), std::string("\x0f"), Repeat("\x0b", 1000)}) {
    v1::StepRequest request;
    const absl::Status status = ParseMessage(Bytes(text), kStep, &request);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(GetErrorDetails(status).reason, "MALFORMED_MESSAGE");
    EXPECT_THAT(std::string(status.message()), HasSubstr("Step: "));
    EXPECT_THAT(std::string(status.message()), HasSubstr("descent.v1.StepRequest"));
    MeasureMessage(Bytes(text), *v1::StepRequest::descriptor(), kMostFields);  // ends
  }
}

TEST(MessageTest, ReadsAndWritesTheSame) {
  const v1::CreateModelRequest request = LineModel("line");
  v1::CreateModelRequest read;
  ASSERT_TRUE(ParseMessage(SerializeMessage(request), kStep, &read).ok());
  EXPECT_EQ(read.SerializeAsString(), request.SerializeAsString());
  ASSERT_TRUE(ParseMessage(Bytes(request.SerializeAsString(), 3), kStep, &read).ok());
  EXPECT_EQ(read.SerializeAsString(), request.SerializeAsString());
}

// Those of up to a MiB are written at once, larger ones in pieces.
TEST(MessageTest, WritesMessagesOfEverySize) {
  const grpc::ByteBuffer nothing = SerializeMessage(v1::PredictRequest());
  EXPECT_TRUE(nothing.Valid());
  EXPECT_EQ(nothing.Length(), 0);
  constexpr std::size_t kMiB = 1 << 20;
  for (const std::size_t size : {std::size_t{1}, std::size_t{30}, kMiB - 20, kMiB, 3 * kMiB}) {
    v1::PredictRequest request;
    request.mutable_inputs()->set_raw(std::string(size, 'x') + "end");
    const grpc::ByteBuffer bytes = SerializeMessage(request);
    EXPECT_EQ(bytes.Length(), request.ByteSizeLong());
    v1::PredictRequest read;
    ASSERT_TRUE(ParseMessage(bytes, kStep, &read).ok());
    EXPECT_TRUE(read.inputs().raw() == request.inputs().raw()) << size;
  }
}

}  // namespace
}  // namespace descent::services
