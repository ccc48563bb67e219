// Requests as clients would write them.

#ifndef TESTS_SERVICES_MESSAGES_H_
#define TESTS_SERVICES_MESSAGES_H_

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "core/check.h"
#include "descent/v1/model_service.pb.h"
#include "descent/v1/network_service.pb.h"
#include "google/protobuf/text_format.h"

namespace descent::testing {

template <typename Message>
Message FromText(const std::string& text) {
  Message message;
  DESCENT_CHECK(google::protobuf::TextFormat::ParseFromString(text, &message));
  return message;
}

inline v1::Tensor Floats(const std::vector<std::int64_t>& shape, const std::vector<float>& values) {
  v1::Tensor tensor;
  tensor.set_data_type(v1::DATA_TYPE_FLOAT32);
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  tensor.mutable_floats()->mutable_values()->Assign(values.begin(), values.end());
  return tensor;
}

// Raw float32 values drawn from [-1, 1).
inline v1::Tensor RandomTensor(const std::vector<std::int64_t>& shape, unsigned seed) {
  v1::Tensor tensor;
  tensor.set_data_type(v1::DATA_TYPE_FLOAT32);
  std::int64_t size = 1;
  for (const std::int64_t extent : shape) size *= extent;
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (std::int64_t i = 0; i < size; ++i) {
    const float value = uniform(generator);
    tensor.mutable_raw()->append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return tensor;
}

// The numbers of a tensor of FLOAT64, raw or as doubles.
inline std::vector<double> Doubles(const v1::Tensor& tensor) {
  if (tensor.has_doubles()) {
    return {tensor.doubles().values().begin(), tensor.doubles().values().end()};
  }
  DESCENT_CHECK(tensor.data_type() == v1::DATA_TYPE_FLOAT64);
  std::vector<double> values(tensor.raw().size() / sizeof(double));
  std::memcpy(values.data(), tensor.raw().data(), tensor.raw().size());
  return values;
}

// y = x0 + 2 x1 + 3 over random rows.
inline v1::Batch LineBatch(int rows, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> inputs;
  std::vector<float> targets;
  for (int i = 0; i < rows; ++i) {
    const float x0 = uniform(generator);
    const float x1 = uniform(generator);
    inputs.insert(inputs.end(), {x0, x1});
    targets.push_back(x0 + 2 * x1 + 3);
  }
  v1::Batch batch;
  *batch.mutable_inputs() = Floats({rows, 2}, inputs);
  *batch.mutable_targets() = Floats({rows, 1}, targets);
  return batch;
}

// Two inputs, one output, no hidden layer, starting from zero.
inline v1::CreateModelRequest LineModel(const std::string& name) {
  auto request = FromText<v1::CreateModelRequest>(R"(
    model {
      network {
        input_features: 2
        layers { dense { units: 1 kernel_initializer { kind: INITIALIZER_KIND_ZEROS } } }
        loss { kind: LOSS_KIND_HALF_SQUARED_ERROR }
      }
      optimizer { learning_rate: 0.125 sgd {} }
    })");
  request.mutable_model()->set_name(name);
  return request;
}

// Big enough that an update of SlowBatch takes a while (0.4 G multiply-adds), and much longer than
// sending it.
inline v1::CreateModelRequest SlowModel(const std::string& name) {
  auto request = FromText<v1::CreateModelRequest>(R"(
    model {
      network {
        input_features: 16
        layers { dense { units: 1024 activation { kind: ACTIVATION_KIND_TANH } } }
        layers { dense { units: 1024 activation { kind: ACTIVATION_KIND_TANH } } }
        layers { dense { units: 1 } }
        loss { kind: LOSS_KIND_HALF_SQUARED_ERROR }
      }
      optimizer { learning_rate: 1e-4 sgd {} }
    })");
  request.mutable_model()->set_name(name);
  return request;
}

inline v1::Batch SlowBatch() {
  v1::Batch batch;
  *batch.mutable_inputs() = RandomTensor({128, 16}, 1);
  *batch.mutable_targets() = RandomTensor({128, 1}, 2);
  return batch;
}

inline v1::StepRequest StepOf(const std::string& model, const v1::Batch& batch) {
  v1::StepRequest request;
  request.set_model(model);
  *request.mutable_batch() = batch;
  return request;
}

inline v1::PredictRequest PredictOf(const std::string& model, const v1::Tensor& inputs) {
  v1::PredictRequest request;
  request.set_model(model);
  *request.mutable_inputs() = inputs;
  return request;
}

inline v1::GetModelRequest GetOf(const std::string& name) {
  v1::GetModelRequest request;
  request.set_name(name);
  return request;
}

inline v1::TrainRequest StartOf(const std::string& model, const std::string& session,
                                int ack_every = 0) {
  v1::TrainRequest request;
  request.mutable_start()->set_model(model);
  request.mutable_start()->set_session_id(session);
  request.mutable_start()->set_ack_every(ack_every);
  return request;
}

inline v1::TrainRequest BatchOf(std::int64_t sequence, const v1::Batch& batch) {
  v1::TrainRequest request;
  request.mutable_batch()->set_sequence(sequence);
  *request.mutable_batch()->mutable_batch() = batch;
  return request;
}

// The batches of messages in one message.
inline v1::TrainRequest Joined(const std::vector<v1::TrainRequest>& requests) {
  v1::TrainRequest joined = requests.at(0);
  for (std::size_t i = 1; i < requests.size(); ++i) *joined.add_more() = requests[i].batch();
  return joined;
}

}  // namespace descent::testing

#endif  // TESTS_SERVICES_MESSAGES_H_
