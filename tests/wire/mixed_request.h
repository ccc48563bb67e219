// Requests of the Open Inference Protocol to a network with numeric and categorical inputs.

#ifndef TESTS_WIRE_MIXED_REQUEST_H_
#define TESTS_WIRE_MIXED_REQUEST_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/network.h"
#include "core/spec.h"
#include "inference/open_inference.pb.h"
#include "tests/support/random_network.h"

namespace descent::wire {

inline CategoricalInputSpec Shop() { return {.name = "shop", .buckets = 200, .dimension = 2}; }
inline CategoricalInputSpec Country() {
  return {.name = "country", .buckets = 1000, .dimension = 3, .hashing = Hashing::kXxh64};
}

inline std::shared_ptr<const Network> NetworkOf(std::int64_t features,
                                                std::vector<CategoricalInputSpec> inputs) {
  NetworkSpec spec = descent::testing::DenseNetwork(features, {2}, IdentityActivation{},
                                                    MeanSquaredErrorLoss{}, DataType::kFloat32);
  spec.categorical_inputs = std::move(inputs);
  return descent::testing::MakeNetwork(spec);
}

// "inputs" of two features, "shop" by ids, "country" by ids and texts.
inline const Network& Mixed() {
  static const auto* const network =
      new std::shared_ptr<const Network>(NetworkOf(2, {Shop(), Country()}));
  return **network;
}

template <typename T>
std::string Raw(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

inline std::string RawTexts(const std::vector<std::string>& texts) {
  std::string raw;
  for (const std::string& text : texts) {
    const auto length = static_cast<std::uint32_t>(text.size());
    raw.append(reinterpret_cast<const char*>(&length), sizeof length).append(text);
  }
  return raw;
}

inline inference::ModelInferRequest::InferInputTensor* Add(inference::ModelInferRequest* request,
                                                           const std::string& name,
                                                           const std::string& datatype,
                                                           const std::vector<std::int64_t>& shape) {
  auto* const input = request->add_inputs();
  input->set_name(name);
  input->set_datatype(datatype);
  input->mutable_shape()->Assign(shape.begin(), shape.end());
  return input;
}

inline void AddRaw(inference::ModelInferRequest* request, const std::string& name,
                   const std::string& datatype, const std::vector<std::int64_t>& shape,
                   const std::string& raw) {
  Add(request, name, datatype, shape);
  request->add_raw_input_contents(raw);
}

// Three rows of Mixed(): shops 0, 7 and 199, and countries.
inline inference::ModelInferRequest MixedRequest() {
  inference::ModelInferRequest request;
  AddRaw(&request, "inputs", "FP32", {3, 2}, Raw<float>({1, 2, 3, 4, 5, 6}));
  AddRaw(&request, "shop", "INT64", {3}, Raw<std::int64_t>({0, 7, 199}));
  AddRaw(&request, "country", "BYTES", {3}, RawTexts({"CH", "", "Côte d'Ivoire"}));
  return request;
}

}  // namespace descent::wire

#endif  // TESTS_WIRE_MIXED_REQUEST_H_
