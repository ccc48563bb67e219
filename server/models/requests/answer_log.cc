#include "server/models/requests/answer_log.h"

#include <utility>

#include "core/network.h"
#include "server/models/work/model_bytes.h"

namespace descent::models {

namespace {

std::size_t BytesOf(const store::RememberedAnswer& answer) {
  std::size_t bytes = sizeof answer + answer.request.id.capacity() + answer.method.capacity();
  if (const auto* model = std::get_if<store::ModelAnswer>(&answer.answer)) {
    bytes += SettingsBytes(model->settings);
  }
  return bytes;
}

}  // namespace

store::ModelAnswer AnswerOf(const ModelInfo& info) {
  store::ModelSettings settings = info.settings;
  settings.client_data = {};  // which is no part of an answer, and long
  return {.settings = std::move(settings),
          .step = info.step,
          .create_time = info.create_time,
          .update_time = info.update_time,
          .last_loss = info.last_loss,
          .state_hash = info.state_hash};
}

ModelInfo InfoOf(const store::ModelAnswer& answer) {
  const auto network = Network::Create(answer.settings.network);
  const std::int64_t parameter_count =
      network.ok() ? (*network)->layout().parameter_count() : std::int64_t{0};
  return {.settings = answer.settings,
          .step = answer.step,
          .durable_step = answer.step,
          .parameter_count = parameter_count,
          .create_time = answer.create_time,
          .update_time = answer.update_time,
          .last_loss = answer.last_loss,
          .state_hash = answer.state_hash};
}

void AnswerLog::Add(store::RememberedAnswer answer) {
  const absl::Time now = answer.time;
  bytes_ += BytesOf(answer);
  answers_.push_back(std::move(answer));
  const auto forget_oldest = [this] {
    bytes_ -= BytesOf(answers_.front());
    answers_.pop_front();
  };
  while (!answers_.empty() && (answers_.size() > count_ || answers_.front().time + age_ <= now ||
                               (bytes_ > most_bytes_ && answers_.size() > 1))) {
    forget_oldest();
  }
  while (!memory_.TryRaise(bytes_).ok() && answers_.size() > 1) forget_oldest();
  memory_.Raise(bytes_);
  memory_.LowerTo(bytes_);
}

}  // namespace descent::models
