#include "server/wire/encode.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/batch_measures.h"
#include "core/embeddings/first_table.h"
#include "google/protobuf/util/time_util.h"
#include "server/wire/categories.h"
#include "server/wire/decode.h"
#include "server/wire/specs.h"

namespace descent::wire {
namespace {

using google::protobuf::util::TimeUtil;

// Parameter `index` of laid-out `values`.
void EncodeParameter(const Network& network, int index, const Buffer& values, Encoding encoding,
                     v1::NamedTensor* named) {
  const ParameterInfo& parameter = network.layout().parameters()[static_cast<std::size_t>(index)];
  named->set_name(parameter.name);
  EncodeTensor(values, parameter.offset, parameter.shape, encoding, named->mutable_tensor());
}

// Entry `i` of an outcome's parameters, which is a table.
void EncodeTable(const models::GradientOutcome& outcome, std::size_t i, const Network& network,
                 Encoding encoding, v1::SparseRows* sparse) {
  const auto parameters = network.layout().parameters();
  const auto index = static_cast<std::size_t>(outcome.parameters[i]);
  sparse->set_name(parameters[index].name);
  if (!outcome.norms.empty()) {
    EncodeScalar(outcome.norms[i], network.data_type(), encoding, sparse->mutable_values());
    return;
  }
  EncodeTableGradient(network, index - FirstTable(network), outcome.tables, encoding, sparse);
}

void EncodeStatistics(const InputStatistics& statistics, v1::GetParametersResponse* response) {
  const std::int64_t features = statistics.features();
  const auto add = [&](const char* name, auto value_of) {
    Buffer values(DataType::kFloat64, features);
    for (std::int64_t i = 0; i < features; ++i) values.Set(i, value_of(i));
    v1::NamedTensor* named = response->add_statistics();
    named->set_name(name);
    EncodeTensor(values, 0, {features}, Encoding::kRaw, named->mutable_tensor());
  };
  add("inputs.mean", [&](std::int64_t i) { return statistics.Mean(i); });
  add("inputs.variance", [&](std::int64_t i) { return statistics.Variance(i); });
  v1::NamedTensor* rows = response->add_statistics();
  rows->set_name("inputs.rows");
  rows->mutable_tensor()->set_data_type(v1::DATA_TYPE_INT64);
  const std::int64_t count = statistics.rows();
  rows->mutable_tensor()->set_raw(&count, sizeof count);
}

void EncodeCheckpoint(const models::CheckpointInfo& info, v1::Checkpoint* message) {
  message->set_step(info.step);
  *message->mutable_create_time() =
      TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(info.create_time));
  message->set_size_bytes(info.size_bytes);
  message->set_state_hash(info.state_hash);
}

}  // namespace

void Encode(const models::ModelInfo& outcome, v1::CreateModelResponse* response) {
  EncodeModel(outcome, response->mutable_model());
}

void Encode(const models::ModelInfo& outcome, v1::GetModelResponse* response) {
  EncodeModel(outcome, response->mutable_model());
  response->mutable_model()->set_client_data(outcome.settings.client_data.text());
}

void Encode(const models::ModelInfo& outcome, v1::UpdateModelResponse* response) {
  EncodeModel(outcome, response->mutable_model());
}

void Encode(models::DeleteModelOutcome /*outcome*/, v1::DeleteModelResponse* /*response*/) {}

void Encode(const models::ListModelsOutcome& outcome, v1::ListModelsResponse* response) {
  for (const models::ModelInfo& model : outcome.models) {
    EncodeModel(model, response->add_models());
  }
  response->set_next_page_token(outcome.next_page_token);
}

void Encode(const models::GetParametersOutcome& outcome, const Network& network,
            v1::GetParametersResponse* response) {
  response->set_step(outcome.step);
  for (const int index : outcome.parameters) {
    EncodeParameter(network, index, outcome.snapshot.parameters(), Encoding::kRaw,
                    response->add_parameters());
  }
  if (outcome.snapshot.statistics() != nullptr) {
    EncodeStatistics(*outcome.snapshot.statistics(), response);
  }
}

void Encode(const models::SetParametersOutcome& outcome, v1::SetParametersResponse* response) {
  response->set_step(outcome.step);
}

void Encode(const models::CheckpointOutcome& outcome, v1::CreateCheckpointResponse* response) {
  EncodeCheckpoint(outcome.checkpoint, response->mutable_checkpoint());
}

void Encode(const models::ListCheckpointsOutcome& outcome, v1::ListCheckpointsResponse* response) {
  for (const models::CheckpointInfo& checkpoint : outcome.checkpoints) {
    EncodeCheckpoint(checkpoint, response->add_checkpoints());
  }
  response->set_next_page_token(outcome.next_page_token);
}

void Encode(const models::ListHistoryOutcome& outcome, v1::ListHistoryResponse* response) {
  for (const models::HistoryPoint& point : outcome.points) {
    v1::HistoryPoint* message = response->add_points();
    message->set_step(point.step);
    *message->mutable_time() = TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(point.time));
    message->set_rows(point.rows);
    message->set_loss(point.loss);
    message->set_gradient_norm(point.gradient_norm);
    message->set_learning_rate(point.learning_rate);
    if (point.measured_rows == 0) continue;
    const auto metrics = NamedMeasures(outcome.loss, point.measures);
    message->mutable_metrics()->insert(metrics.begin(), metrics.end());
  }
  response->set_next_page_token(outcome.next_page_token);
}

void Encode(const models::ModelInfo& outcome, v1::RestoreCheckpointResponse* response) {
  EncodeModel(outcome, response->mutable_model());
}

void Encode(models::DeleteCheckpointOutcome /*outcome*/,
            v1::DeleteCheckpointResponse* /*response*/) {}

void Encode(const models::ForwardOutcome& outcome, const Network& network, Encoding encoding,
            v1::ForwardResponse* response) {
  response->set_step(outcome.step);
  for (std::size_t i = 0; i < outcome.activations.size(); ++i) {
    v1::LayerValues* layer = response->add_layers();
    layer->set_name(network.layers()[i].name);
    if (!outcome.pre_activations[i].empty()) {
      EncodeMatrix(outcome.pre_activations[i], encoding, layer->mutable_pre_activation());
    }
    EncodeMatrix(outcome.activations[i], encoding, layer->mutable_activation());
  }
  EncodeMatrix(outcome.activations.back(), encoding, response->mutable_outputs());
}

void Encode(const models::GradientOutcome& outcome, const Network& network, Encoding encoding,
            v1::GradientResponse* response) {
  response->set_step(outcome.step);
  response->set_loss(outcome.loss);
  response->set_gradient_norm(outcome.gradient_norm);
  const bool norms_only = !outcome.norms.empty();
  for (std::size_t i = 0; i < outcome.parameters.size(); ++i) {
    const int index = outcome.parameters[i];
    if (network.layout().parameters()[static_cast<std::size_t>(index)].is_table) {
      EncodeTable(outcome, i, network, encoding, response->add_sparse_gradients());
      continue;
    }
    v1::NamedTensor* gradient = response->add_gradients();
    if (norms_only) {
      gradient->set_name(network.layout().parameters()[static_cast<std::size_t>(index)].name);
      EncodeScalar(outcome.norms[i], network.data_type(), encoding, gradient->mutable_tensor());
    } else {
      EncodeParameter(network, index, outcome.gradients, encoding, gradient);
    }
  }
  if (!outcome.input_gradient.empty()) {
    EncodeMatrix(outcome.input_gradient, encoding, response->mutable_input_gradient());
  }
}

void Encode(const models::StepOutcome& outcome, v1::StepResponse* response) {
  response->set_step(outcome.step);
  response->set_loss(outcome.loss);
  response->set_gradient_norm(outcome.gradient_norm);
  response->set_learning_rate(outcome.learning_rate);
  response->set_durable_step(outcome.durable_step);
  response->set_replayed(outcome.replayed);
}

void Encode(const models::PredictOutcome& outcome, Encoding encoding,
            v1::PredictResponse* response) {
  response->set_step(outcome.step);
  EncodeMatrix(outcome.outputs, encoding, response->mutable_outputs());
}

void Encode(const models::TrainReady& ready, v1::TrainResponse* response) {
  v1::TrainReady* message = response->mutable_ready();
  message->set_next_sequence(ready.next_sequence);
  message->set_step(ready.step);
  message->set_window(ready.window);
  message->set_most_batches(kMostBatches);
}

void Encode(const models::TrainAck& ack, v1::TrainResponse* response) {
  v1::TrainAck* message = response->mutable_ack();
  message->set_sequence(ack.sequence);
  message->set_step(ack.step);
  message->set_loss(ack.loss);
  message->set_gradient_norm(ack.gradient_norm);
  message->set_learning_rate(ack.learning_rate);
  message->set_durable_sequence(ack.durable_sequence);
  message->set_rows(ack.rows);
}

void Encode(const models::EvaluateOutcome& outcome, v1::EvaluateResponse* response) {
  response->set_step(outcome.step);
  response->set_rows(outcome.rows);
  response->set_loss(outcome.loss);
  response->mutable_metrics()->insert(outcome.metrics.begin(), outcome.metrics.end());
}

void EncodeBackup(std::string chunk, std::int64_t total_bytes, v1::BackupResponse* response) {
  response->set_chunk(std::move(chunk));
  response->set_total_bytes(total_bytes);
}

}  // namespace descent::wire
