// What the HTTP port answers at a path. A page is a row of a list: its path, and a function from a
// request to an answer.

#ifndef SERVER_HTTP_ROUTE_H_
#define SERVER_HTTP_ROUTE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/services/call_hooks.h"

namespace descent::http {

// A GET, or a HEAD, which is answered alike and loses its body on the way out.
struct Request {
  std::string path;                                        // as it was asked for, see Target
  std::map<std::string, std::string> query;                // by name
  std::unique_ptr<services::CallPermit> permit = nullptr;  // null: every model may be seen

  // Whether the one who asks may be told that there is such a model.
  bool MaySee(std::string_view model) const { return permit == nullptr || permit->MaySee(model); }
  // The parameter's value; empty if it was not given.
  std::string_view Parameter(const std::string& name) const {
    const auto found = query.find(name);
    return found == query.end() ? std::string_view() : found->second;
  }
};

struct Answer {
  unsigned status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body = {};
  // Besides those that every answer has. One that an answer has anyway takes its place.
  std::vector<std::pair<std::string, std::string>> headers = {};
};

// Called by several threads at the same time, and may take a while: nothing else of the server
// waits for it. What it throws is answered with 500.
using Handler = std::function<Answer(const Request&)>;

enum class Audience : std::uint8_t {
  kEverybody,     // who can show no credentials, as probes can't
  kKnownCallers,  // with --access, those whom it names
};

struct Route {
  std::string path;  // the whole of it; "/models/*": all that begins so and goes on
  Audience audience = Audience::kKnownCallers;
  // Answered where requests are read, before whatever waits for a thread. Has to take no time.
  bool at_once = false;
  Handler handler;
};

}  // namespace descent::http

#endif  // SERVER_HTTP_ROUTE_H_
