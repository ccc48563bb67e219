#include "server/ops/access_log.h"

#include <grpcpp/server_context.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/error.h"
#include "core/text_view.h"
#include "server/ops/trace.h"

namespace descent::ops {
namespace {

bool NeedsNoEscape(char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; }

// A member of a JSON object, with whatever is not UTF-8 replaced.
void AppendText(absl::string_view name, std::string_view value, std::string* line) {
  if (std::all_of(value.begin(), value.end(), NeedsNoEscape)) {
    absl::StrAppend(line, ",\"", name, "\":\"", View(value), "\"");
  } else {
    absl::StrAppend(line, ",\"", name, "\":",
                    nlohmann::json(value).dump(-1, ' ', /*ensure_ascii=*/false,
                                               nlohmann::json::error_handler_t::replace));
  }
}

void AppendIfAny(absl::string_view name, std::string_view value, std::string* line) {
  if (!value.empty()) AppendText(name, value, line);
}

}  // namespace

absl::StatusOr<std::unique_ptr<AccessLog>> AccessLog::Open(std::string path) {
  absl::StatusOr<std::unique_ptr<LogFile>> file = LogFile::Open(std::move(path), "the access log");
  if (!file.ok()) return file.status();
  return std::unique_ptr<AccessLog>(new AccessLog(*std::move(file)));
}

void AccessLog::OnCallEnd(const services::CallRecord& record) {
  file_->Append(Line(record, absl::Now() - record.duration));
}

std::string AccessLog::Line(const services::CallRecord& record, absl::Time begin) {
  std::string line = absl::StrCat(
      "{\"time\":\"", absl::FormatTime("%Y-%m-%d%ET%H:%M:%E3SZ", begin, absl::UTCTimeZone()),
      "\",\"method\":\"/", View(record.name.service), "/", View(record.name.method), "\"");
  AppendIfAny("model", record.model, &line);
  AppendIfAny("caller", record.caller, &line);
  AppendText("peer", services::PeerOf(record), &line);
  AppendText("code", absl::StatusCodeToString(record.status.code()), &line);
  if (!record.status.ok()) AppendIfAny("reason", GetErrorDetails(record.status).reason, &line);
  absl::StrAppend(&line, ",\"received_bytes\":", record.received_bytes,
                  ",\"sent_bytes\":", record.sent_bytes,
                  ",\"milliseconds\":", absl::ToDoubleMilliseconds(record.duration));
  AppendIfAny("request_id", record.request_id, &line);
  const Trace trace = TraceOf(record.context);
  AppendIfAny("trace_id", trace.trace_id, &line);
  AppendIfAny("parent_id", trace.parent_id, &line);
  line.push_back('}');
  return line;
}

}  // namespace descent::ops
