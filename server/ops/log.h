// The server's log: one line an event on stderr, for people or for machines.
//
//   2026-01-31T12:00:00.123Z info  serving  address=127.0.0.1:50051 threads=8
//   {"time":"2026-01-31T12:00:00.123Z","level":"info","message":"serving","address":"127…"}
//
// Lines are written by a thread of their own. When stderr does not take them fast enough the oldest
// are dropped, so logging never holds up a call.

#ifndef SERVER_OPS_LOG_H_
#define SERVER_OPS_LOG_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace descent::ops {

enum class LogFormat : std::uint8_t { kText, kJson };
enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

// A named fact of a line.
struct LogField {
  std::string_view name;
  std::variant<std::string_view, std::int64_t, double> value;
};

// Begins logging lines of `level` and above. Call once, before any Log.
void StartLog(LogFormat format, LogLevel level);

// Writes what is held and ends logging.
void StopLog();

// Whether lines of `level` are written: to be asked before costly facts are gathered.
bool LogEnabled(LogLevel level);

// Thread-safe. Does nothing before StartLog.
void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

// What a line looks like between its level and its end: for text `message  name=value …`, values
// quoted where they hold anything but letters, digits and -._:/[]; for JSON members of an object.
std::string RenderText(std::string_view message, std::initializer_list<LogField> fields);
std::string RenderJson(std::string_view message, std::initializer_list<LogField> fields);

}  // namespace descent::ops

#endif  // SERVER_OPS_LOG_H_
