#include "server/models/answer_log.h"

#include "core/network.h"

namespace descent::models {

store::ModelAnswer AnswerOf(const ModelInfo& info) {
  return {.settings = info.settings,
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
  answers_.push_back(std::move(answer));
  while (!answers_.empty() && (answers_.size() > count_ || answers_.front().time + age_ <= now)) {
    answers_.pop_front();
  }
}

}  // namespace descent::models
