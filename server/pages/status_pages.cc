#include "server/pages/status_pages.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <future>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "clock/steady.h"
#include "server/http/site.h"
#include "server/pages/model_page.h"

namespace descent::pages {
namespace {

using models::HistoryPoint;
using models::ModelCondition;
using models::ModelStatistics;

constexpr absl::Duration kNow = absl::Seconds(10);  // what came in it is of now
// Rates are taken over as many of the last points as this much time has.
constexpr absl::Duration kRateTime = absl::Seconds(5);
constexpr std::chrono::milliseconds kCheckpointsTime{250};
// Of the models that are trained now, as many are asked for their rates.
constexpr std::size_t kMostRates = 1000;

std::vector<HistoryPoint> HistoryOf(const models::Registry& registry, const std::string& name) {
  const absl::StatusOr<std::shared_ptr<models::Model>> model = registry.Find(name);
  return model.ok() ? (*model)->PublishedHistory() : std::vector<HistoryPoint>();
}

void AddHistory(const std::vector<HistoryPoint>& history, absl::Time now, ModelRow* row) {
  const Rates rates = RatesOf(history, now);
  row->steps_per_second = rates.steps_per_second;
  row->rows_per_second = rates.rows_per_second;
  row->losses.reserve(history.size());
  for (const HistoryPoint& point : history) {
    row->rows += point.rows;
    row->losses.push_back({static_cast<double>(point.step), point.loss});
  }
}

void AddTotals(const models::RegistryStatistics& statistics, Overview* overview) {
  for (std::size_t i = 0; i < models::kModelConditions; ++i) {
    overview->conditions.emplace_back(static_cast<ModelCondition>(i), statistics.by_condition[i]);
    overview->models += statistics.by_condition[i];
  }
  for (const ModelStatistics& model : statistics.models) {
    overview->sessions += model.attached_sessions;
    overview->trained_rows += static_cast<std::int64_t>(model.trained_rows);
    overview->predicted_rows += static_cast<std::int64_t>(model.predicted_rows);
  }
}

void AddRates(const models::Registry& registry, const models::RegistryStatistics& statistics,
              Overview* overview) {
  std::size_t asked = 0;
  for (const ModelStatistics& model : statistics.models) {
    if (!model.is_there || overview->now - model.update_time > kNow) continue;
    if (++asked > kMostRates) break;
    const Rates rates = RatesOf(HistoryOf(registry, model.name), overview->now);
    overview->steps_per_second += rates.steps_per_second;
    overview->rows_per_second += rates.rows_per_second;
  }
}

// The models of the page, without their histories.
std::vector<ModelStatistics> Select(std::vector<ModelStatistics> models, Overview* overview) {
  const Selection& selection = overview->selection;
  std::erase_if(models, [&](const ModelStatistics& model) {
    return !std::string_view(model.name).starts_with(selection.prefix);
  });
  overview->selected = static_cast<std::int64_t>(models.size());
  if (selection.order == Order::kRecent) {
    std::stable_sort(
        models.begin(), models.end(), [](const ModelStatistics& a, const ModelStatistics& b) {
          return std::pair(a.is_there, a.update_time) > std::pair(b.is_there, b.update_time);
        });
  }
  const std::size_t first =
      std::min(models.size(), static_cast<std::size_t>(selection.page - 1) * kModelsAPage);
  models.erase(models.begin(), models.begin() + static_cast<std::ptrdiff_t>(first));
  if (models.size() > kModelsAPage) models.resize(kModelsAPage);
  return models;
}

http::Answer NoSuchModel() { return http::AnswerOf(absl::NotFoundError("there is no such model")); }

void AddCheckpoints(models::Model* model, ModelDetails* details) {
  using Outcome = absl::StatusOr<models::ListCheckpointsOutcome>;
  auto answered = std::make_shared<std::promise<Outcome>>();
  std::future<Outcome> answer = answered->get_future();
  models::CallContext context;
  context.deadline = SteadyNow() + absl::FromChrono(kCheckpointsTime);
  model->ListCheckpoints({.page_size = kMostCheckpoints, .page_token = ""}, std::move(context),
                         [answered](Outcome outcome) { answered->set_value(std::move(outcome)); });
  if (answer.wait_for(kCheckpointsTime) != std::future_status::ready) return;
  Outcome outcome = answer.get();
  if (!outcome.ok()) return;
  details->more_checkpoints = !outcome->next_page_token.empty();
  details->checkpoints = std::move(outcome->checkpoints);
}

class StatusPages {
 public:
  explicit StatusPages(Source source) : source_(std::move(source)) {}

  http::Answer All(const http::Request& request) const {
    const models::Registry& registry = *source_.registry;
    models::RegistryStatistics statistics =
        registry.Statistics(std::numeric_limits<std::size_t>::max(),
                            [&](std::string_view name) { return request.MaySee(name); });
    Overview overview{.identity = source_.identity,
                      .uptime = SteadyNow() - start_,
                      .is_serving = source_.is_serving(),
                      .storage = registry.StorageStatus(),
                      .in_memory = source_.in_memory,
                      .memory_used = static_cast<std::int64_t>(registry.memory()->used()),
                      .memory_limit = static_cast<std::int64_t>(registry.memory()->limit()),
                      .conditions = {},
                      .selection = SelectionOf(request),
                      .rows = {},
                      .now = absl::Now()};
    AddTotals(statistics, &overview);
    AddRates(registry, statistics, &overview);
    for (ModelStatistics& model : Select(std::move(statistics.models), &overview)) {
      ModelRow& row = overview.rows.emplace_back();
      row.statistics = std::move(model);
      AddHistory(HistoryOf(registry, row.statistics.name), overview.now, &row);
    }
    return OverviewPage(overview);
  }

  http::Answer One(const http::Request& request) const {
    const std::string name = request.path.substr(std::string_view("/models/").size());
    if (!request.MaySee(name)) return NoSuchModel();
    models::RegistryStatistics statistics =
        source_.registry->Statistics(1, [&](std::string_view other) { return other == name; });
    if (statistics.models.empty()) return NoSuchModel();
    ModelDetails details;
    details.now = absl::Now();
    details.row.statistics = std::move(statistics.models.front());
    const absl::StatusOr<std::shared_ptr<models::Model>> model = source_.registry->Find(name);
    details.status = model.status();
    if (model.ok()) {
      details.info = (*model)->Describe();
      details.history = (*model)->PublishedHistory();
      AddHistory(details.history, details.now, &details.row);
      AddCheckpoints(model->get(), &details);
    }
    return ModelPage(details);
  }

 private:
  const Source source_;
  const absl::Time start_ = SteadyNow();
};

}  // namespace

Rates RatesOf(const std::vector<HistoryPoint>& history, absl::Time now) {
  if (history.size() < 2 || now - history.back().time > kNow) return {};
  std::int64_t updates = 0;
  std::int64_t rows = 0;
  std::size_t first = history.size() - 1;  // the last whose updates count
  for (; first > 0 && history.back().time - history[first].time < kRateTime; --first) {
    updates += history[first].updates;
    rows += history[first].rows;
  }
  // What has only begun is no more than what it was of a second.
  const double seconds =
      std::max(1.0, absl::ToDoubleSeconds(history.back().time - history[first].time));
  return {.steps_per_second = static_cast<double>(updates) / seconds,
          .rows_per_second = static_cast<double>(rows) / seconds};
}

std::vector<http::Route> StatusRoutes(Source source) {
  const auto pages = std::make_shared<const StatusPages>(std::move(source));
  return {
      {.path = "/",
       .handler = [pages](const http::Request& request) { return pages->All(request); }},
      {.path = "/models/*",
       .handler = [pages](const http::Request& request) { return pages->One(request); }},
  };
}

}  // namespace descent::pages
