// The fuzzer's target over a fixed number of mutated requests: what runs in every build, with every
// compiler and sanitizer. For long runs there is the fuzzer itself, see CMakeLists.txt.

#include "tests/fuzz/wire_decode_fuzzer.h"

#include <cstdint>
#include <random>
#include <string>

#include "core/check.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "tests/fuzz/mutate.h"

namespace descent::wire {
namespace {

// A good request for each type, in the order of FuzzedRequests(), to start from.
constexpr const char* kSeeds[] = {
    R"pb(model {
           name: "m"
           network {
             input_features: 2
             layers {
               dense {
                 units: 3
                 activation { kind: ACTIVATION_KIND_ELU alpha: 1 }
               }
             }
             layers {
               dense {
                 units: 2
                 kernel_initializer { kind: INITIALIZER_KIND_ZEROS }
               }
             }
             loss { kind: LOSS_KIND_HUBER delta: 2 }
             data_type: DATA_TYPE_FLOAT64
           }
           optimizer {
             learning_rate: 0.1
             adamw { beta1: 0.8 }
             schedule {
               cosine { period: 5 }
               warmup_steps: 2
             }
           }
           labels { key: "a" value: "b" }
         }
         request_id: "r")pb",
    R"pb(name: "m")pb",
    R"pb(page_size: 5 page_token: "t")pb",
    R"pb(name: "m" request_id: "r")pb",
    R"pb(model {
           name: "m"
           optimizer {
             learning_rate: 1
             adam { beta1: 0.5 }
           }
         }
         update_mask { paths: "optimizer.learning_rate" paths: "optimizer.adam.beta1" }
         request_id: "r")pb",
    R"pb(model: "m" names: "layers.0.kernel" names: "layers.1.bias")pb",
    R"pb(model: "m"
         parameters {
           name: "layers.1.bias"
           tensor {
             data_type: DATA_TYPE_FLOAT32
             shape: 2
             floats { values: [ 1, 2 ] }
           }
         }
         request_id: "r"
         expected_step: 1)pb",
    R"pb(model: "m"
         inputs { data_type: DATA_TYPE_UINT8 shape: 2 shape: 2 raw: "abcd" })pb",
    R"pb(model: "m"
         inputs { data_type: DATA_TYPE_FLOAT16 shape: 1 shape: 2 raw: "\0\1\2\3" }
         targets {
           data_type: DATA_TYPE_INT64
           shape: 1
           ints { values: 1 }
         }
         weights {
           data_type: DATA_TYPE_FLOAT64
           shape: 1
           doubles { values: 2 }
         }
         parameters: "layers.0.bias")pb",
    R"pb(model: "m"
         batch {
           inputs {
             data_type: DATA_TYPE_FLOAT32
             shape: 1
             shape: 2
             floats { values: [ 1, 2 ] }
           }
           targets {
             data_type: DATA_TYPE_FLOAT32
             shape: 1
             shape: 2
             floats { values: [ 0, 1 ] }
           }
         }
         request_id: "r"
         learning_rate: 1)pb",
    R"pb(batch {
           sequence: 1
           batch {
             inputs { data_type: DATA_TYPE_INT32 shape: 1 shape: 2 raw: "abcdefgh" }
             targets { data_type: DATA_TYPE_INT32 shape: 1 raw: "\1\0\0\0" }
           }
         })pb",
    R"pb(model: "m"
         inputs { data_type: DATA_TYPE_BFLOAT16 shape: 1 shape: 2 raw: "abcd" })pb",
    R"pb(model: "m"
         batch {
           inputs {
             data_type: DATA_TYPE_FLOAT64
             shape: 1
             shape: 2
             doubles { values: [ 1, 2 ] }
           }
           targets { data_type: DATA_TYPE_UINT8 shape: 1 raw: "\1" }
         })pb",
    R"pb(model: "m" request_id: "r")pb",
    R"pb(model: "m" page_size: 5 page_token: "t")pb",
    R"pb(model: "m" step: 4 request_id: "r" expected_step: 5)pb",
    R"pb(model: "m" step: 4 request_id: "r")pb",
    R"pb()pb",
    R"pb(model: "m" after_step: 9 page_size: 5 page_token: "t")pb",
};

std::string SeedInput(std::size_t index) {
  std::unique_ptr<google::protobuf::Message> request(FuzzedRequests()[index]->New());
  DESCENT_CHECK(google::protobuf::TextFormat::ParseFromString(kSeeds[index], request.get()));
  return static_cast<char>(index) + request->SerializeAsString();
}

void RunInput(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

TEST(WireDecodeFuzzerTest, MutatedRequestsAreDecodedOrRefused) {
  constexpr int kMutations = 20000;
  ASSERT_EQ(FuzzedRequests().size(), std::size(kSeeds));
  std::mt19937_64 random(20240229);
  for (std::size_t i = 0; i < std::size(kSeeds); ++i) {
    const std::string seed = SeedInput(i);
    testing::RunMutated(seed, kMutations, &random, RunInput);
  }
}

}  // namespace
}  // namespace descent::wire
