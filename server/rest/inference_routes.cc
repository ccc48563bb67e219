#include "server/rest/inference_routes.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "core/status_macros.h"
#include "core/text_view.h"
#include "server/rest/inference_json.h"
#include "server/wire/inference.h"
#include "server/wire/specs.h"
#include "server/wire/status.h"

namespace descent::rest {
namespace {

constexpr std::string_view kModels = "/v2/models/";

// What JSON of so many bytes becomes on its way to a message takes at most so many times as much:
// "1," is a number of 8 bytes, in an array that doubles, then in the message and on the wire.
constexpr std::size_t kJsonCost = 14;

// What is asked of a model.
struct ModelPath {
  std::string name;
  std::string version;  // empty: the latest
  std::string what;     // empty: a description
};

// From the path below kModels: NAME[/versions/VERSION][/WHAT].
std::optional<ModelPath> ParseModelPath(std::string_view path) {
  const std::vector<std::string> parts =
      absl::StrSplit(View(path.substr(kModels.size())), absl::MaxSplits('/', 4));
  ModelPath parsed{.name = parts[0], .version = {}, .what = {}};
  std::size_t next = 1;
  if (parts.size() >= 3 && parts[1] == "versions") {
    parsed.version = parts[2];
    if (parsed.version.empty()) return std::nullopt;
    next = 3;
  }
  if (next < parts.size()) parsed.what = parts[next++];
  if (next < parts.size() || (parsed.what.empty() && path.ends_with('/'))) return std::nullopt;
  return parsed;
}

// Whether there can be such a model and version at all: what follows takes both for plain text.
absl::Status CheckPath(const ModelPath& path) {
  RETURN_IF_ERROR(wire::CheckModelName("model_name", path.name));
  return wire::VersionStep(path.version).status();
}

http::Answer Error(unsigned status, std::string_view message) {
  return {.status = status, .body = absl::StrCat(View(message), "\n")};
}

http::Answer NotAllowed(const char* allowed) {
  http::Answer answer = Error(405, absl::StrCat("expected ", allowed));
  answer.headers.emplace_back("Allow", allowed);
  return answer;
}

http::Answer NothingHere() { return Error(404, "there is nothing here"); }

// "{"ready":true}" and the like, at once.
http::Answer Truth(const char* what, bool value) {
  return {.status = value ? 200U : 503U,
          .type = "application/json",
          .body = absl::StrCat("{\"", what, "\":", value ? "true" : "false", "}")};
}

// Of a call that has an answer only if it is OK.
template <typename Response, typename Write>
auto Answering(http::Later later, Write write) {
  return [later = std::move(later), write = std::move(write)](const grpc::Status& status,
                                                              Response response) {
    later([status, response = std::make_shared<Response>(std::move(response)), write] {
      return status.ok() ? write(*response) : AnswerOf(status);
    });
  };
}

// How much of the body is JSON: all of it, unless the header says less.
absl::StatusOr<std::size_t> JsonBytes(const http::Request& request) {
  const std::string_view length = request.Header("inference-header-content-length");
  if (length.empty()) return request.body.size();
  std::uint64_t bytes = 0;
  if (!absl::SimpleAtoi(View(length), &bytes) || bytes > request.body.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(kJsonLength, ": expected a number of bytes of the body"));
  }
  return static_cast<std::size_t>(bytes);
}

// Browsers send forms and plain text for pages of strangers.
bool IsKnownType(std::string_view type) {
  const absl::string_view kind = View(type.substr(0, type.find(';')));
  return type.empty() || absl::EqualsIgnoreCase(kind, "application/json") ||
         absl::EqualsIgnoreCase(kind, "application/octet-stream");
}

// All that the routes share.
class Protocol {
 public:
  Protocol(InferenceCalls calls, Reserve reserve)
      : calls_(std::move(calls)), reserve_(std::move(reserve)) {}

  void AnswerServer(const http::Request& request, const http::Later& later) const {
    calls_.Call<inference::ServerMetadataRequest, inference::ServerMetadataResponse>(
        &Async::ServerMetadata, request, {}, nullptr,
        Answering<inference::ServerMetadataResponse>(
            later, [](const auto& metadata) { return WriteMetadata(metadata); }));
  }

  void AnswerModel(const http::Request& request, const http::Later& later) const {
    const std::optional<ModelPath> path = ParseModelPath(request.path);
    const bool is_infer = path.has_value() && path->what == "infer";
    if (!path.has_value() || (!path->what.empty() && path->what != "ready")) {
      later([is_infer] { return is_infer ? NotAllowed("POST") : NothingHere(); });
    } else if (const absl::Status status = CheckPath(*path); !status.ok()) {
      Refuse(status, later);
    } else if (path->what.empty()) {
      Describe(*path, request, later);
    } else {
      TellReady(*path, request, later);
    }
  }

  void Infer(http::Request request, const http::Later& later) const {
    const std::optional<ModelPath> path = ParseModelPath(request.path);
    if (!path.has_value() || path->what != "infer") {
      const bool is_get = path.has_value() && (path->what.empty() || path->what == "ready");
      later([is_get] { return is_get ? NotAllowed("GET, HEAD") : NothingHere(); });
      return;
    }
    if (!IsKnownType(request.Header("content-type"))) {
      later([] { return Error(415, "expected application/json or application/octet-stream"); });
      return;
    }
    absl::StatusOr<Read> read = ReadBody(*path, &request);
    if (!read.ok()) return Refuse(read.status(), later);
    calls_.Call<inference::ModelInferRequest, inference::ModelInferResponse>(
        &Async::ModelInfer, request, std::move(read->request.message), std::move(read->held),
        Answering<inference::ModelInferResponse>(
            later, [form = read->request.form](const auto& response) {
              const absl::StatusOr<http::Answer> answer = WriteInferResponse(response, form);
              return answer.ok() ? *answer : AnswerOf(wire::ToGrpcStatus(answer.status()));
            }));
  }

 private:
  using Async = class inference::GRPCInferenceService::Stub::async;  // a function has that name too

  struct Read {
    InferRequest request;
    std::shared_ptr<const void> held;
  };

  static void Refuse(const absl::Status& status, const http::Later& later) {
    later([status] { return AnswerOf(wire::ToGrpcStatus(status)); });
  }

  void Describe(const ModelPath& path, const http::Request& request,
                const http::Later& later) const {
    inference::ModelMetadataRequest message;
    message.set_name(path.name);
    message.set_version(path.version);
    calls_.Call<inference::ModelMetadataRequest, inference::ModelMetadataResponse>(
        &Async::ModelMetadata, request, std::move(message), nullptr,
        Answering<inference::ModelMetadataResponse>(
            later, [](const auto& metadata) { return WriteMetadata(metadata); }));
  }

  void TellReady(const ModelPath& path, const http::Request& request,
                 const http::Later& later) const {
    inference::ModelReadyRequest message;
    message.set_name(path.name);
    message.set_version(path.version);
    calls_.Call<inference::ModelReadyRequest, inference::ModelReadyResponse>(
        &Async::ModelReady, request, std::move(message), nullptr,
        Answering<inference::ModelReadyResponse>(later, [name = path.name](const auto& response) {
          http::Answer answer = Truth("ready", response.ready());
          // A name has nothing in it that needs escaping.
          answer.body = absl::StrCat("{\"name\":\"", name, "\",", answer.body.substr(1));
          return answer;
        }));
  }

  absl::StatusOr<Read> ReadBody(const ModelPath& path, http::Request* request) const {
    RETURN_IF_ERROR(CheckPath(path));
    ASSIGN_OR_RETURN(const std::size_t json_bytes, JsonBytes(*request));
    Read read;
    if (reserve_ != nullptr) {
      ASSIGN_OR_RETURN(read.held, reserve_(kJsonCost * json_bytes));
    }
    ASSIGN_OR_RETURN(read.request,
                     ReadInferRequest(request->body, json_bytes, path.name, path.version));
    read.request.message.set_model_name(path.name);
    read.request.message.set_model_version(path.version);
    std::string().swap(request->body);
    request->body_memory = nullptr;
    return read;
  }

  const InferenceCalls calls_;
  const Reserve reserve_;
};

}  // namespace

std::vector<http::Route> InferenceRoutes(InferenceCalls calls, std::function<bool()> is_serving,
                                         Reserve reserve) {
  const auto protocol = std::make_shared<Protocol>(std::move(calls), std::move(reserve));
  const auto live = [](const http::Request& /*request*/) { return Truth("live", true); };
  const auto ready = [is_serving = std::move(is_serving)](const http::Request& /*request*/) {
    return Truth("ready", is_serving());
  };
  std::vector<http::Route> routes;
  routes.push_back({.path = "/v2/health/live",
                    .audience = http::Audience::kEverybody,
                    .at_once = true,
                    .handler = live});
  routes.push_back({.path = "/v2/health/ready",
                    .audience = http::Audience::kEverybody,
                    .at_once = true,
                    .handler = ready});
  routes.push_back({.path = "/v2",
                    .deferred = [protocol](const http::Request& request, const http::Later& later) {
                      protocol->AnswerServer(request, later);
                    }});
  routes.push_back({.path = "/v2/models/*",
                    .deferred = [protocol](const http::Request& request, const http::Later& later) {
                      protocol->AnswerModel(request, later);
                    }});
  routes.push_back({.path = "/v2/models/*",
                    .method = http::Method::kPost,
                    .deferred = [protocol](http::Request request, const http::Later& later) {
                      protocol->Infer(std::move(request), later);
                    }});
  return routes;
}

}  // namespace descent::rest
