// From the head of a request to its answer: which route it is for, and whether its caller may have
// it. Knows nothing of sockets.

#ifndef SERVER_HTTP_SITE_H_
#define SERVER_HTTP_SITE_H_

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "server/access/access.h"
#include "server/access/certificate_names.h"
#include "server/http/route.h"
#include "server/ops/refusal_log.h"

namespace descent::http {

// What a request and its connection say.
struct RequestHead {
  std::string_view method;
  std::string_view target;
  std::vector<std::string_view> authorization = {};  // the values of all such headers
  access::CertificateNames certificate = {};         // that the connection has shown
  std::string_view peer = {};                        // for the log
};

// A request that has been let in.
struct Visit {
  const Route* route;  // the site's
  Request request;
};

// The answer of a status: 400, 401, 403, 404 or 500, and its message.
Answer AnswerOf(const absl::Status& status);

// An error as whoever asked for `target` reads it: the protocol at /v2 has JSON, {"error": "..."}.
Answer ErrorFor(std::string_view target, Answer answer);

// Thread-safe.
class Site {
 public:
  // `access` null: everybody is let in. Otherwise it and `refusals` outlive this.
  Site(std::vector<Route> routes, access::Access* access, ops::RefusalLog* refusals);

  // The answer of a request that is not let in, or what is to be run for it. 405 for methods other
  // than GET, HEAD and POST, 400 for a target that makes no sense, 401 for who is not known,
  // whatever the path, and then 404 for a path that there is not and 405 for one that has no such
  // method.
  std::variant<Answer, Visit> Receive(const RequestHead& head) const;

  // Of a route that has a handler. 500 if it throws, which is logged.
  static Answer Run(const Visit& visit);
  // Of a route whose answer comes later. What it throws becomes 500 too.
  static void Run(Visit visit, const Later& later);
  // What makes the answer of a request for `path`. 500 if that throws.
  static Answer Run(std::string_view path, const Later::Make& make);

 private:
  // The route of that path and method. Null: there is none; `allowed` is what the path has instead,
  // as the header Allow says it, and empty for a path that there is not.
  const Route* Find(std::string_view path, Method method, std::string* allowed) const;

  const std::vector<Route> routes_;
  access::Access* const access_;
  ops::RefusalLog* const refusals_;
};

}  // namespace descent::http

#endif  // SERVER_HTTP_SITE_H_
