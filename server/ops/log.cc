#include "server/ops/log.h"

#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>

namespace descent::ops {
namespace {

// Lines that wait to be written.
constexpr std::size_t kMaxHeldLines = 8192;

std::shared_ptr<spdlog::logger> logger;
LogFormat log_format = LogFormat::kText;

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._:/[]").find(c) != std::string_view::npos;
}

// JSON, with whatever is not UTF-8 replaced.
std::string Json(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

nlohmann::json JsonValue(const LogField& field) {
  return std::visit([](auto value) { return nlohmann::json(value); }, field.value);
}

}  // namespace

void StartLog(LogFormat format, LogLevel level) {
  log_format = format;
  spdlog::init_thread_pool(kMaxHeldLines, 1);
  logger = std::make_shared<spdlog::async_logger>(
      "descentd", std::make_shared<spdlog::sinks::stderr_sink_mt>(), spdlog::thread_pool(),
      spdlog::async_overflow_policy::overrun_oldest);
  logger->set_level(SpdlogLevel(level));
  logger->flush_on(spdlog::level::info);
  const char* pattern = format == LogFormat::kJson
                            ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})"
                            : "%Y-%m-%dT%H:%M:%S.%eZ %-7l %v";
  logger->set_formatter(
      std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
}

void StopLog() {
  logger.reset();
  spdlog::shutdown();
}

bool LogEnabled(LogLevel level) {
  return logger != nullptr && logger->should_log(SpdlogLevel(level));
}

void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (!LogEnabled(level)) return;
  const std::string line =
      log_format == LogFormat::kJson ? RenderJson(message, fields) : RenderText(message, fields);
  logger->log(SpdlogLevel(level), spdlog::string_view_t(line));
}

std::string RenderText(std::string_view message, std::initializer_list<LogField> fields) {
  std::string line(message);
  for (const LogField& field : fields) {
    line.append(&field == fields.begin() ? "  " : " ").append(field.name).append("=");
    const auto* text = std::get_if<std::string_view>(&field.value);
    const bool plain =
        text != nullptr && !text->empty() && std::all_of(text->begin(), text->end(), IsPlain);
    if (plain) {
      line.append(*text);
    } else {
      line.append(Json(JsonValue(field)));
    }
  }
  return line;
}

std::string RenderJson(std::string_view message, std::initializer_list<LogField> fields) {
  std::string line = "\"message\":" + Json(std::string(message));
  for (const LogField& field : fields) {
    line.append(",")
        .append(Json(std::string(field.name)))
        .append(":")
        .append(Json(JsonValue(field)));
  }
  return line;
}

}  // namespace descent::ops
