// The fuzzer's target over a fixed number of mutated requests: what runs in every build. For long
// runs there is the fuzzer itself, see CMakeLists.txt.

#include "tests/fuzz/inference_fuzzer.h"

#include <random>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "inference/open_inference.pb.h"
#include "tests/fuzz/mutate.h"

namespace descent::rest {
namespace {

constexpr int kMutations = 4000;

void RunInput(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

TEST(InferenceFuzzerTest, MutatedMessagesAreDecodedOrRefused) {
  std::mt19937_64 random(20240301);
  for (const char* datatype : {"FP32", "FP16", "INT8", "BOOL", "UINT64"}) {
    inference::ModelInferRequest message;
    message.set_model_name("line");
    auto* input = message.add_inputs();
    input->set_name("inputs");
    input->set_datatype(datatype);
    input->add_shape(1);
    input->add_shape(2);
    (*input->mutable_parameters())["content_type"].set_string_param("np");
    message.add_outputs()->set_name("outputs");
    message.add_raw_input_contents(std::string(8, '\1'));
    testing::RunMutated(std::string(2, '\0') + message.SerializeAsString(), kMutations, &random,
                        RunInput);
    message.clear_raw_input_contents();
    input->mutable_contents()->add_int_contents(1);
    input->mutable_contents()->add_int_contents(2);
    testing::RunMutated(std::string(2, '\0') + message.SerializeAsString(), kMutations, &random,
                        RunInput);
  }
}

// Two rows of numbers, ids and texts, of which they have one or several.
inference::ModelInferRequest CategoricalMessage(bool has_numbers, bool has_several) {
  inference::ModelInferRequest message;
  message.set_model_name("line");
  const auto add = [&](const char* name, const char* datatype, const std::string& raw) {
    auto* const input = message.add_inputs();
    input->set_name(name);
    input->set_datatype(datatype);
    input->add_shape(2);
    message.add_raw_input_contents(raw);
    return input;
  };
  if (has_several) {
    add("shop", "INT16", std::string("\x05\0\xff\xff\xff\xff\x2b\x01\x06\0\xff\xff", 12))
        ->add_shape(3);
    add("country", "BYTES", std::string("\x02\0\0\0CH\0\0\0\0\0\0\0\0\0\0\0\0", 18))->add_shape(2);
    (*message.mutable_parameters())["padded_categories"].set_bool_param(true);
  } else {
    add("shop", "INT16", std::string("\x05\0\x2b\x01", 4));
    add("country", "BYTES", std::string("\x02\0\0\0CH\0\0\0\0", 10));
  }
  if (has_numbers) add("inputs", "UINT8", "abcd")->add_shape(2);
  return message;
}

TEST(InferenceFuzzerTest, MutatedCategoriesAreDecodedOrRefused) {
  std::mt19937_64 random(20240303);
  for (const auto& [has_numbers, has_several] :
       {std::pair(true, false), std::pair(false, false), std::pair(true, true)}) {
    inference::ModelInferRequest message = CategoricalMessage(has_numbers, has_several);
    testing::RunMutated(std::string(2, '\0') + message.SerializeAsString(), kMutations, &random,
                        RunInput);
    message.clear_raw_input_contents();
    for (int i = 0; i < (has_several ? 3 : 1); ++i) {
      for (const int id : {5, i == 1 ? -1 : 299}) {
        message.mutable_inputs(0)->mutable_contents()->add_int_contents(id);
      }
    }
    for (int i = 0; i < (has_several ? 2 : 1); ++i) {
      for (const char* text : {"CH", ""}) {
        message.mutable_inputs(1)->mutable_contents()->add_bytes_contents(text);
      }
    }
    for (unsigned i = 0; has_numbers && i < 4; ++i) {
      message.mutable_inputs(2)->mutable_contents()->add_uint_contents(i);
    }
    testing::RunMutated(std::string(2, '\0') + message.SerializeAsString(), kMutations, &random,
                        RunInput);
  }
}

TEST(InferenceFuzzerTest, MutatedBodiesAreReadOrRefused) {
  std::mt19937_64 random(20240302);
  const std::string prefix("\x01\0", 2);
  const std::string behind("\x01\x08", 2);
  testing::RunMutated(
      prefix + R"({"id":"a","inputs":[{"name":"inputs","shape":[1,2],"datatype":"INT32",)"
               R"("parameters":{"a":{"b":[1]}},"data":[[1,2]]}],"outputs":[{"name":"outputs"}]})",
      kMutations, &random, RunInput);
  testing::RunMutated(
      prefix + R"({"inputs":[{"name":"inputs","shape":[2,2],"datatype":"FP32",)"
               R"("data":[[1.5,-2e3],[0.1,1]]}],"parameters":{"binary_data_output":true}})",
      kMutations, &random, RunInput);
  testing::RunMutated(behind +
                          R"({"inputs":[{"name":"inputs","shape":[1,2],"datatype":"FP32",)"
                          R"("parameters":{"binary_data_size":8}}]})" +
                          std::string(8, '\1'),
                      kMutations, &random, RunInput);
  testing::RunMutated(
      prefix + R"({"inputs":[{"name":"shop","shape":[2],"datatype":"INT64","data":[5,2.0]},)"
               R"({"name":"country","shape":[2,1],"datatype":"BYTES","data":[["CH"],["\u00e9"]]},)"
               R"({"name":"inputs","shape":[2,2],"datatype":"INT64","data":[1,2,3,4]}]})",
      kMutations, &random, RunInput);
  testing::RunMutated(
      prefix +
          R"({"inputs":[{"name":"shop","shape":[2,2],"datatype":"INT64","data":[[5,-1],[6,7]]},)"
          R"({"name":"country","shape":[2,1],"datatype":"BYTES","data":["CH",""]},)"
          R"({"name":"inputs","shape":[2,2],"datatype":"INT64","data":[1,2,3,4]}],)"
          R"("parameters":{"padded_categories":true}})",
      kMutations, &random, RunInput);
  testing::RunMutated(
      behind +
          R"({"inputs":[{"name":"country","shape":[1],"datatype":"BYTES",)"
          R"("parameters":{"binary_data_size":8}},)"
          R"({"data":[9007199254740993],"name":"shop","shape":[1],"datatype":"INT64"}]})" +
          std::string("\4\0\0\0abcd", 8),
      kMutations, &random, RunInput);
}

}  // namespace
}  // namespace descent::rest
