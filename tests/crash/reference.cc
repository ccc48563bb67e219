#include "tests/crash/reference.h"

#include <future>
#include <iostream>
#include <utility>

#include "absl/status/status.h"
#include "core/check.h"
#include "tests/crash/model_client.h"
#include "tests/models/replies.h"

namespace descent::crash {

std::ostream& operator<<(std::ostream& out, const ModelView& view) {
  if (!view.exists) return out << "no model";
  return out << "step " << view.step << ", hash " << std::hex << view.state_hash << std::dec
             << ", rate " << view.learning_rate << ", durability "
             << static_cast<int>(view.durability);
}

absl::StatusOr<ModelView> ViewOf(const models::Registry& registry, const std::string& name) {
  const auto model = registry.Find(name);
  if (absl::IsNotFound(model.status())) return ModelView();
  if (!model.ok()) return model.status();
  const auto info = models::Await<models::ModelInfo>(
      [&](models::Reply<models::ModelInfo> reply) { (*model)->Info({}, std::move(reply)); });
  if (!info.ok()) return info.status();
  return ModelView{.exists = true,
                   .step = info->step,
                   .state_hash = info->state_hash,
                   .learning_rate = info->settings.optimizer.learning_rate,
                   .durability = info->settings.durability};
}

References MakeReferences(const Script& script) {
  References references;
  models::Registry registry{models::ModelsOptions{}};
  for (const ModelScript& model : script) {
    Reference& views = references.emplace_back(1);
    ModelClient client(&model, &registry);
    for (std::size_t i = 0; i < model.actions.size(); ++i) {
      std::promise<absl::Status> answered;
      client.Send(i, [&](Answer answer) { answered.set_value(std::move(answer.status)); });
      const absl::Status status = answered.get_future().get();
      if (!status.ok()) std::cerr << "undisturbed, yet " << status << "\n";
      DESCENT_CHECK(status.ok());
      const auto view = ViewOf(registry, model.settings.name);
      DESCENT_CHECK(view.ok());
      views.push_back(*view);
    }
  }
  return references;
}

}  // namespace descent::crash
