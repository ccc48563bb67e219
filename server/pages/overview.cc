#include "server/pages/overview.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/text_view.h"
#include "server/http/target.h"
#include "server/pages/html.h"
#include "server/pages/layout.h"
#include "server/pages/numbers.h"

namespace descent::pages {
namespace {

using models::ModelCondition;
using models::ModelStatistics;

constexpr std::int64_t kMostPages = std::int64_t{1} << 32;
constexpr char kNothing[] = "<span class=\"soft\">–</span>";

std::string Mark(std::string_view look, std::string_view word) {
  return absl::StrCat("<span class=\"state ", View(look), "\">", View(word), "</span>");
}

// A cell of the table; on a narrow screen it stands under its label, and not at all if it is empty.
std::string Cell(std::string_view label, std::string_view look, const std::string& html) {
  return absl::StrCat("<td class=\"", View(look), html.empty() ? " none" : "", "\" data-label=\"",
                      View(label), "\">", html.empty() ? kNothing : html, "</td>");
}

std::string CheckpointText(const ModelStatistics& model, absl::Time now) {
  if (!model.is_stored || model.checkpoint_time == absl::UnixEpoch()) return "";
  return absl::StrCat(Span(now - model.checkpoint_time), " ago, step ",
                      Count(model.checkpoint_step));
}

std::string RateText(const ModelRow& row) {
  if (row.steps_per_second <= 0) return "";
  return absl::StrCat(ShortCount(row.steps_per_second), " steps/s");
}

std::string TableRow(const ModelRow& row, absl::Time now) {
  const ModelStatistics& model = row.statistics;
  const auto of_there = [&](const std::string& text) { return model.is_there ? text : ""; };
  return absl::StrCat(
      "<tr><td><a class=\"name\" href=\"/models/", Escape(model.name), "\">", Escape(model.name),
      "</a></td><td class=\"left state-of\">", ConditionMark(model.condition), "</td>",
      Cell("step", "", of_there(Count(model.step))),
      Cell("rows", "", of_there(ShortCount(static_cast<double>(row.rows)))),
      Cell("rate", "", of_there(RateText(row))),
      Cell("last loss", "", of_there(model.step > 0 ? Real(model.last_loss) : "")),
      Cell("loss", "curve", Sparkline(row.losses, "loss by step")),
      Cell("sessions", "",
           of_there(model.attached_sessions > 0 ? Count(model.attached_sessions) : "")),
      Cell("checkpoint", "", of_there(CheckpointText(model, now))),
      Cell("memory", "", of_there(Bytes(static_cast<std::int64_t>(model.memory_bytes)))), "</tr>");
}

std::string Address(const Selection& selection, std::int64_t page) {
  std::string query;
  if (!selection.prefix.empty()) {
    absl::StrAppend(&query, "&prefix=", http::EscapeForQuery(selection.prefix));
  }
  if (selection.order == Order::kRecent) absl::StrAppend(&query, "&sort=recent");
  if (page > 1) absl::StrAppend(&query, "&page=", page);
  return query.empty() ? "/" : Escape(absl::StrCat("/?", query.substr(1)));
}

std::string Link(const Selection& selection, std::int64_t page, std::string_view word) {
  return absl::StrCat("<a href=\"", Address(selection, page), "\">", View(word), "</a>");
}

std::string PagesNavigation(const Overview& overview) {
  const std::int64_t size = kModelsAPage;
  const std::int64_t pages = (overview.selected + size - 1) / size;
  if (pages <= 1 && overview.selection.page == 1) return "";
  const std::int64_t page = overview.selection.page;
  std::string html = "<nav aria-label=\"pages\">";
  if (page > 1) {
    absl::StrAppend(&html, Link(overview.selection, 1, "« first"),
                    Link(overview.selection, std::min(page - 1, std::max<std::int64_t>(pages, 1)),
                         "‹ previous"));
  }
  absl::StrAppend(&html, "<span>page ", Count(page), " of ", Count(pages), "</span>");
  if (page < pages) {
    absl::StrAppend(&html, Link(overview.selection, page + 1, "next ›"),
                    Link(overview.selection, pages, "last »"));
  }
  return html + "</nav>";
}

std::string SelectionForm(const Selection& selection) {
  const bool recent = selection.order == Order::kRecent;
  return absl::StrCat(
      "<form method=\"get\" action=\"/\" role=\"search\"><input name=\"prefix\" value=\"",
      Escape(selection.prefix),
      "\" placeholder=\"names that begin with …\" aria-label=\"names that begin with\" "
      "autocomplete=\"off\" spellcheck=\"false\" autocapitalize=\"none\">"
      "<select name=\"sort\" aria-label=\"order\"><option value=\"name\">by name</option>"
      "<option value=\"recent\"",
      recent ? " selected" : "",
      ">last changed first</option></select><button>Show</button></form>");
}

std::string ModelsTable(const Overview& overview) {
  if (overview.rows.empty()) {
    return overview.models == 0 ? "<p>There are no models yet.</p>"
                                : "<p>No model is of this selection.</p>";
  }
  std::string html =
      "<table class=\"cards\"><thead><tr><th>name</th><th class=\"left\">state</th><th>step</th>"
      "<th>rows</th><th>rate</th><th>last loss</th><th>loss</th><th>sessions</th>"
      "<th>checkpoint</th><th>memory</th></tr></thead><tbody>";
  for (const ModelRow& row : overview.rows) absl::StrAppend(&html, TableRow(row, overview.now));
  return html + "</tbody></table>";
}

std::string HealthText(const Overview& overview) {
  return overview.is_serving ? Mark("good", "serving") : Mark("bad", "not serving");
}

std::string StorageText(const Overview& overview) {
  if (!overview.storage.ok()) {
    return absl::StrCat(
        Mark("bad", "failing"), " ",
        Isolated({overview.storage.message().data(), overview.storage.message().size()}));
  }
  return overview.in_memory ? Mark("busy", "in memory alone") : Mark("good", "keeps changes");
}

std::string ModelCounts(const Overview& overview) {
  std::string html = Count(overview.models);
  for (const auto& [condition, count] : overview.conditions) {
    if (count > 0 && condition != ModelCondition::kServing) {
      absl::StrAppend(&html, " ", ConditionMark(condition), " ", Count(count));
    }
  }
  return html;
}

std::string RatesText(const Overview& overview) {
  if (overview.steps_per_second <= 0) return kNothing;
  return absl::StrCat(ShortCount(overview.steps_per_second), " steps/s, ",
                      ShortCount(overview.rows_per_second), " rows/s");
}

std::string Facts(const Overview& overview) {
  return absl::StrCat(
      "<dl class=\"facts\">", Fact("health", HealthText(overview)),
      Fact("storage", StorageText(overview)), Fact("up for", Span(overview.uptime)),
      Fact("models", ModelCounts(overview)), Fact("training now", RatesText(overview)),
      Fact("training sessions", Count(overview.sessions)),
      Fact("rows trained since the start", Count(overview.trained_rows)),
      Fact("rows predicted since the start", Count(overview.predicted_rows)),
      Fact("memory",
           absl::StrCat(Bytes(overview.memory_used), " of ", Bytes(overview.memory_limit))),
      "</dl>");
}

std::string Options(const Identity& identity) {
  if (identity.options.empty()) return "<p class=\"soft\">All options are as by default.</p>";
  std::string lines;
  for (const auto& [name, value] : identity.options) {
    absl::StrAppend(&lines, lines.empty() ? "" : "\n", Escape(name), " ", Escape(value));
  }
  return absl::StrCat("<details><summary>Options that are not as by default (",
                      identity.options.size(), ")</summary><pre>", lines, "</pre></details>");
}

}  // namespace

std::string ConditionMark(ModelCondition condition) {
  switch (condition) {
    case ModelCondition::kServing:
      return Mark("good", "ready");
    case ModelCondition::kRecovering:
      return Mark("busy", "recovering");
    case ModelCondition::kQuarantined:
      return Mark("bad", "quarantined");
    case ModelCondition::kFailed:
      return Mark("bad", "failed");
  }
  return "";
}

Selection SelectionOf(const http::Request& request) {
  Selection selection{.prefix = std::string(request.Parameter("prefix"))};
  if (request.Parameter("sort") == "recent") selection.order = Order::kRecent;
  std::int64_t page = 0;
  if (absl::SimpleAtoi(View(request.Parameter("page")), &page)) {
    selection.page = std::clamp(page, std::int64_t{1}, kMostPages);
  }
  return selection;
}

http::Answer OverviewPage(const Overview& overview) {
  const Identity& identity = overview.identity;
  const std::string shown = overview.selected == overview.models
                                ? ""
                                : absl::StrCat("<p class=\"soft\">", Count(overview.selected),
                                               " of ", Count(overview.models), " models</p>");
  return Page(
      overview.is_serving ? "descentd" : "descentd: not serving",
      absl::StrCat("<h1>descentd</h1><p class=\"soft\">", Escape(identity.version), " · commit ",
                   Escape(identity.commit), " · ", Escape(identity.instruction_set),
                   "</p><section class=\"card live\" id=\"server\">", Facts(overview),
                   "</section><section class=\"card\">", Options(identity),
                   "</section><h2>Models</h2>", SelectionForm(overview.selection),
                   "<section class=\"live\" id=\"models\">", shown, PagesNavigation(overview),
                   ModelsTable(overview), PagesNavigation(overview), "</section>"));
}

}  // namespace descent::pages
