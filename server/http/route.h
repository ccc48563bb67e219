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
#include "server/services/visitors.h"

namespace descent::http {

// A GET, a HEAD, which is answered alike and loses its body on the way out, or a POST.
struct Request {
  std::string path;                                        // as it was asked for, see Target
  std::map<std::string, std::string> query;                // by name
  std::unique_ptr<services::CallPermit> permit = nullptr;  // null: every model may be seen

  // Of requests that are answered later alone: who asks, for calls on their behalf; the headers by
  // their names in lower case, those of one name joined by ", "; and what a POST has sent, with
  // what counts the memory that it takes.
  services::Visitor visitor = {};
  std::map<std::string, std::string> headers = {};
  std::string body = {};
  std::shared_ptr<const void> body_memory = nullptr;

  // Whether the one who asks may be told that there is such a model.
  bool MaySee(std::string_view model) const { return permit == nullptr || permit->MaySee(model); }
  // The parameter's value; empty if it was not given.
  std::string_view Parameter(const std::string& name) const { return Find(query, name); }
  // The header's value; empty if it was not sent.
  std::string_view Header(const std::string& name) const { return Find(headers, name); }

 private:
  static std::string_view Find(const std::map<std::string, std::string>& values,
                               const std::string& name) {
    const auto found = values.find(name);
    return found == values.end() ? std::string_view() : found->second;
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

// Gives the answer of a request, once, on any thread; what is handed in makes it, and is called as
// a handler is. If all copies go without that, the answer is 500.
class Later {
 public:
  using Make = std::function<Answer()>;
  explicit Later(std::function<void(Make)> deliver);
  void operator()(Make make) const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

// Called as a handler is, and does not wait for what takes long: that has the answer come later.
using DeferredHandler = std::function<void(Request request, Later later)>;

enum class Audience : std::uint8_t {
  kEverybody,     // who can show no credentials, as probes can't
  kKnownCallers,  // with --access, those whom it names
};

enum class Method : std::uint8_t {
  kGet,  // and HEAD
  kPost,
};

struct Route {
  std::string path;  // the whole of it; "/models/*": all that begins so and goes on
  Audience audience = Audience::kKnownCallers;
  // Answered where requests are read, before whatever waits for a thread. Has to take no time.
  bool at_once = false;
  Handler handler = nullptr;
  // In its place. A POST has none but this.
  Method method = Method::kGet;
  DeferredHandler deferred = nullptr;
};

}  // namespace descent::http

#endif  // SERVER_HTTP_ROUTE_H_
