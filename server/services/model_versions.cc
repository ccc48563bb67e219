#include "server/services/model_versions.h"

#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace descent::services {
namespace {

// What models answer with at most.
constexpr int kVersionsPage = 1000;

// Adds the page that begins at `token`, and all after it.
void AddPages(std::shared_ptr<models::Model> model, models::CallContext context, std::string token,
              Versions versions, models::Reply<Versions> reply) {
  models::Model& lister = *model;
  auto on_page =
      [model = std::move(model), context, versions = std::move(versions),
       reply = std::move(reply)](absl::StatusOr<models::ListCheckpointsOutcome> page) mutable {
        if (!page.ok()) {
          std::move(reply)(std::move(page).status());
          return;
        }
        for (const models::CheckpointInfo& checkpoint : page->checkpoints) {
          versions.push_back(checkpoint.step);
        }
        if (page->next_page_token.empty()) {
          std::move(reply)(std::move(versions));
        } else {
          AddPages(std::move(model), std::move(context), std::move(page->next_page_token),
                   std::move(versions), std::move(reply));
        }
      };
  lister.ListCheckpoints({.page_size = kVersionsPage, .page_token = std::move(token)}, context,
                         std::move(on_page));
}

}  // namespace

void ListVersions(std::shared_ptr<models::Model> model, const models::CallContext& context,
                  models::Reply<Versions> reply) {
  AddPages(std::move(model), context, "", {}, std::move(reply));
}

}  // namespace descent::services
