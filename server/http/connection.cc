#include "server/http/connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "clock/steady.h"
#include "server/http/encryption.h"
#include "server/ops/log.h"
#include "server/ops/socket_option.h"
#include "server/ops/watched_sockets.h"
#include "server/ops/watched_tls.h"

namespace descent::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using Plain = beast::basic_stream<asio::generic::stream_protocol>;
using Encrypted = beast::ssl_stream<Plain>;
using Parser = beast::http::request_parser<beast::http::string_body>;
using Response = beast::http::response<beast::http::string_body>;

// What is read at most of a client that is still sending when its connection ends, so that it gets
// to see the answer.
constexpr std::size_t kMostDiscarded = std::size_t{64} << 10;
// How far ahead of a body's bytes memory is counted for it, where its length is not known.
constexpr std::size_t kBodyPiece = std::size_t{1} << 20;

struct Peer {
  std::string address;  // without the port
  std::string name;     // as gRPC writes it
};

Peer PeerOf(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {"", ""};
  if (address.ss_family == AF_INET) {
    const auto* const v4 = reinterpret_cast<const sockaddr_in*>(&address);
    inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
    return {text.data(), absl::StrCat("ipv4:", text.data(), ":", ntohs(v4->sin_port))};
  }
  if (address.ss_family == AF_INET6) {
    const auto* const v6 = reinterpret_cast<const sockaddr_in6*>(&address);
    inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
    return {text.data(), absl::StrCat("ipv6:[", text.data(), "]:", ntohs(v6->sin6_port))};
  }
  return {"", "unix:"};
}

std::string_view ViewOf(beast::string_view text) { return {text.data(), text.size()}; }

// Of a request that could not be read, if it can be answered at all.
std::optional<Answer> AnswerOf(const error_code& error) {
  namespace http = beast::http;
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return Answer{.status = 431,
                  .body = absl::StrCat("expected at most ", kMostHeadBytes, " bytes of headers\n")};
  }
  if (error.category() != http::make_error_code(http::error::bad_method).category() ||
      error == http::error::end_of_stream || error == http::error::partial_message) {
    return std::nullopt;
  }
  return Answer{.status = 400, .body = absl::StrCat("not HTTP: ", error.message(), "\n")};
}

Response ResponseOf(Answer answer, const Parser::value_type& request) {
  Response response(static_cast<beast::http::status>(answer.status),
                    request.version() == 10 ? 10 : 11);
  response.set(beast::http::field::server, "descentd");
  response.set(beast::http::field::date,
               absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", absl::Now(), absl::UTCTimeZone()));
  response.set(beast::http::field::content_type, answer.type);
  response.set(beast::http::field::cache_control, "no-store");
  response.set("Content-Security-Policy",
               "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  response.set("X-Content-Type-Options", "nosniff");
  response.set("Referrer-Policy", "no-referrer");
  response.set("Cross-Origin-Resource-Policy", "same-origin");
  for (const auto& [name, value] : answer.headers) {
    if (name == "WWW-Authenticate") {
      response.insert(name, value);
    } else {
      response.set(name, value);
    }
  }
  response.content_length(answer.body.size());
  response.body() = std::move(answer.body);
  return response;
}

template <typename Stream>
class ConnectionOver final : public Connection,
                             public std::enable_shared_from_this<ConnectionOver<Stream>> {
 public:
  // `arguments` after the lowest stream's socket are what the stream is made from.
  template <typename... Arguments>
  ConnectionOver(Peer peer, const ConnectionTimes& times, ConnectionHost* host,
                 std::shared_ptr<asio::ssl::context> encryption, Arguments&&... arguments)
      : encryption_(std::move(encryption)),
        stream_(std::forward<Arguments>(arguments)...),
        peer_(std::move(peer)),
        times_(times),
        host_(host),
        buffer_(2 * kMostHeadBytes) {}

  ~ConnectionOver() override {
    host_->SubtractUnsent(unsent_);
    host_->Forget(this);
  }

  void Start() override {
    if constexpr (kEncrypted) {
      ops::LeaveUnwatched(stream_.native_handle());
      Within(times_.handshake);
      stream_.async_handshake(
          asio::ssl::stream_base::server, [self = Self()](const error_code& error) {
            if (error) return;
            self->certificate_ = ShownCertificate(self->stream_.native_handle());
            self->AwaitRequest(self->times_.head);
          });
    } else {
      AwaitRequest(times_.head);
    }
  }

  void Close() override { Lowest().close(); }

  void CloseWhenAnswered() override {
    closing_ = true;
    closing_for_good_ = true;
    if (phase_ == Phase::kReading) Close();
  }

  Phase phase() const override { return phase_; }
  absl::Time since() const override { return since_; }
  const std::string& peer_address() const override { return peer_.address; }

 private:
  static constexpr bool kEncrypted = std::is_same_v<Stream, Encrypted>;

  auto Self() { return this->shared_from_this(); }
  Plain& Lowest() { return beast::get_lowest_layer(stream_); }
  // What is begun next has so long until the connection is closed, however much comes meanwhile.
  void Within(absl::Duration time) { Lowest().expires_after(absl::ToChronoNanoseconds(time)); }
  void Enter(Phase phase) {
    phase_ = phase;
    since_ = SteadyNow();
  }

  void AwaitRequest(absl::Duration first_byte) {
    Enter(Phase::kReading);
    parser_ = std::make_unique<Parser>();
    parser_->header_limit(kMostHeadBytes);
    parser_->body_limit(std::numeric_limits<std::uint64_t>::max());  // until one is read
    if (buffer_.size() > 0) {
      ReadHead();
      return;
    }
    Within(first_byte);
    stream_.async_read_some(buffer_.prepare(4096),
                            [self = Self()](const error_code& error, std::size_t bytes) {
                              if (error) return;
                              self->buffer_.commit(bytes);
                              self->ReadHead();
                            });
  }

  void ReadHead() {
    Enter(Phase::kReading);
    Within(times_.head);
    beast::http::async_read_header(stream_, buffer_, *parser_,
                                   [self = Self()](const error_code& error, std::size_t /*bytes*/) {
                                     if (error) {
                                       self->OnUnreadable(error);
                                     } else {
                                       self->OnHead();
                                     }
                                   });
  }

  void OnUnreadable(const error_code& error) {
    std::optional<Answer> answer = AnswerOf(error);
    if (!answer.has_value()) return;
    closing_ = true;
    Write(*std::move(answer));
  }

  void OnHead() {
    const Parser::value_type& request = parser_->get();
    const bool has_body = request.chunked() || parser_->content_length().value_or(0) > 0;
    // What is not read would be taken for the next request.
    if (has_body || !request.keep_alive()) closing_ = true;
    if (request.version() >= 11 && request.count(beast::http::field::host) != 1) {
      closing_ = true;
      Write({.status = 400, .body = "expected one Host header\n"});
      return;
    }
    std::variant<Answer, Visit> received = host_->site().Receive(HeadOf(request));
    if (auto* const answer = std::get_if<Answer>(&received)) {
      Write(std::move(*answer));
    } else if (has_body && std::get<Visit>(received).route->method == Method::kPost) {
      BeginBody(std::move(std::get<Visit>(received)));
    } else if (has_body) {
      Write({.status = 413, .body = "expected a request without a body\n"});
    } else {
      Run(std::move(std::get<Visit>(received)));
    }
  }

  RequestHead HeadOf(const Parser::value_type& request) const {
    RequestHead head{.method = ViewOf(request.method_string()),
                     .target = ViewOf(request.target()),
                     .certificate = certificate_,
                     .peer = peer_.name};
    const auto [first, last] = request.equal_range(beast::http::field::authorization);
    for (auto field = first; field != last; ++field) {
      head.authorization.push_back(ViewOf(field->value()));
    }
    return head;
  }

  // Whether the body may be sent at all, before any of it is read.
  std::optional<Answer> RefuseBody() {
    const Parser::value_type& request = parser_->get();
    const std::size_t most = host_->most_body_bytes();
    if (parser_->content_length().value_or(0) > most) return TooLarge(most);
    const beast::string_view encoding = request[beast::http::field::content_encoding];
    if (!encoding.empty() && !beast::iequals(encoding, "identity")) {
      return Answer{.status = 415, .body = "expected a body without a Content-Encoding\n"};
    }
    const beast::string_view expected = request[beast::http::field::expect];
    if (!expected.empty() && !beast::iequals(expected, "100-continue")) {
      return Answer{.status = 417, .body = "expected no other Expect than 100-continue\n"};
    }
    return std::nullopt;
  }

  static Answer TooLarge(std::size_t most) {
    return {.status = 413, .body = absl::StrCat("expected at most ", most, " bytes\n")};
  }

  static Answer Busy(std::string body) {
    return {.status = 503, .body = std::move(body), .headers = {{"Retry-After", "1"}}};
  }

  void BeginBody(Visit visit) {
    if (std::optional<Answer> refusal = RefuseBody(); refusal.has_value()) {
      Write(*std::move(refusal));
      return;
    }
    body_visit_ = std::move(visit);
    parser_->body_limit(host_->most_body_bytes());
    if (!ReserveBody(parser_->content_length().value_or(0))) return;
    Within(times_.body);
    if (parser_->get()[beast::http::field::expect].empty() || buffer_.size() > 0) {
      ReadBody();
      return;
    }
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(stream_, asio::buffer(kContinue.data(), kContinue.size()),
                      [self = Self()](const error_code& error, std::size_t /*bytes*/) {
                        if (!error) self->ReadBody();
                      });
  }

  // Counts what has been read, or will be. False, having said so, if there is no room.
  bool ReserveBody(std::size_t bytes) {
    if (bytes <= reserved_) return true;
    // Of a body of unknown length a piece ahead.
    const std::size_t wanted = parser_->get().chunked() ? bytes + kBodyPiece : bytes;
    body_visit_->request.body_memory = nullptr;
    absl::StatusOr<std::shared_ptr<const void>> memory = host_->ReserveBody(wanted);
    if (!memory.ok()) {
      Write(Busy("no memory for the body of the request now\n"));
      return false;
    }
    body_visit_->request.body_memory = *std::move(memory);
    reserved_ = wanted;
    return true;
  }

  void ReadBody() {
    if (parser_->is_done()) {
      OnBody();
      return;
    }
    beast::http::async_read_some(stream_, buffer_, *parser_,
                                 [self = Self()](const error_code& error, std::size_t /*bytes*/) {
                                   self->OnBodyPiece(error);
                                 });
  }

  void OnBodyPiece(const error_code& error) {
    if (error == beast::http::error::body_limit) {
      Write(TooLarge(host_->most_body_bytes()));
    } else if (error) {
      OnUnreadable(error);
    } else if (ReserveBody(parser_->get().body().size())) {
      ReadBody();
    }
  }

  void OnBody() {
    closing_ = closing_for_good_ || !parser_->get().keep_alive();
    reserved_ = 0;
    Visit visit = *std::move(body_visit_);
    body_visit_.reset();
    visit.request.body = std::move(parser_->get().body());
    Run(std::move(visit));
  }

  // For the one who answers later.
  void Introduce(Request* request) const {
    request->visitor.peer = peer_.name;
    for (const auto& field : parser_->get()) {
      const beast::string_view name = field.name_string();
      std::string& value =
          request->headers[absl::AsciiStrToLower(absl::string_view(name.data(), name.size()))];
      absl::StrAppend(&value, value.empty() ? "" : ", ",
                      absl::string_view(field.value().data(), field.value().size()));
    }
  }

  void RunLater(Visit visit) {
    if (!host_->late().MayAwait()) {
      Write(Busy("too many requests are being answered\n"));
      return;
    }
    Introduce(&visit.request);
    Enter(Phase::kWorking);
    Lowest().expires_never();
    // Called while the host is there, maybe on a thread of others.
    auto deliver = [self = Self(), host = host_, path = visit.route->path](Later::Make make) {
      host->Work([self, path, make = std::move(make)] { self->WriteSoon(Site::Run(path, make)); });
    };
    host_->Work(
        [later = host_->late().Await(std::move(deliver)),
         work = std::make_shared<Visit>(std::move(visit))] { Site::Run(std::move(*work), later); });
  }

  // On another thread than that which writes.
  void WriteSoon(Answer made) {
    auto answer = std::make_shared<Answer>(std::move(made));
    asio::post(Lowest().get_executor(),
               [self = Self(), answer = std::move(answer)] { self->Write(std::move(*answer)); });
  }

  void Run(Visit visit) {
    if (visit.route->at_once) {
      Write(Site::Run(visit));
      return;
    }
    if (!host_->MayAnswer()) {
      Write(Busy("too many answers wait to be taken\n"));
      return;
    }
    if (visit.route->deferred != nullptr) {
      RunLater(std::move(visit));
      return;
    }
    Enter(Phase::kWorking);
    Lowest().expires_never();
    // Shared, for what is handed on is copied.
    host_->Work([self = Self(), work = std::make_shared<Visit>(std::move(visit))]() mutable {
      Answer answer = Site::Run(*work);
      work.reset();
      self->WriteSoon(std::move(answer));
    });
  }

  void Write(Answer answer) {
    Enter(Phase::kWriting);
    body_visit_.reset();
    reserved_ = 0;
    const Parser::value_type& request = parser_->get();
    answer = ErrorFor(ViewOf(request.target()), std::move(answer));
    ops::Log(ops::LogLevel::kDebug, "http",
             {{"method", ViewOf(request.method_string())},
              {"target", ViewOf(request.target())},
              {"status", std::int64_t{answer.status}},
              {"sent_bytes", static_cast<std::int64_t>(answer.body.size())},
              {"peer", peer_.name}});
    response_.emplace(ResponseOf(std::move(answer), request));
    response_->keep_alive(!closing_);
    unsent_ = response_->body().size();
    host_->AddUnsent(unsent_);
    serializer_.emplace(*response_);
    Within(times_.answer);
    auto done = [self = Self()](const error_code& error, std::size_t /*bytes*/) {
      self->OnWritten(error);
    };
    if (request.method() == beast::http::verb::head) {
      beast::http::async_write_header(stream_, *serializer_, std::move(done));
    } else {
      beast::http::async_write(stream_, *serializer_, std::move(done));
    }
  }

  void OnWritten(const error_code& error) {
    host_->SubtractUnsent(std::exchange(unsent_, 0));
    serializer_.reset();
    response_.reset();
    if (error) return;
    if (closing_) {
      End();
    } else {
      AwaitRequest(times_.idle);
    }
  }

  void End() {
    Within(times_.close);
    if constexpr (kEncrypted) {
      stream_.async_shutdown([self = Self()](const error_code& /*error*/) { self->Close(); });
    } else {
      error_code ignored;
      Lowest().socket().shutdown(asio::socket_base::shutdown_send, ignored);
      Discard();
    }
  }

  // A socket that is closed while its peer is sending takes back what it has sent.
  void Discard() {
    buffer_.clear();
    Lowest().async_read_some(buffer_.prepare(4096),
                             [self = Self()](const error_code& error, std::size_t bytes) {
                               self->discarded_ += bytes;
                               if (error || self->discarded_ > kMostDiscarded) {
                                 self->Close();
                               } else {
                                 self->Discard();
                               }
                             });
  }

  const std::shared_ptr<asio::ssl::context> encryption_;  // outlives the stream; null: plaintext
  Stream stream_;
  const Peer peer_;
  const ConnectionTimes times_;
  ConnectionHost* const host_;
  access::CertificateNames certificate_;
  Phase phase_ = Phase::kReading;
  absl::Time since_ = SteadyNow();
  bool closing_ = false;  // when what has been read is answered
  bool closing_for_good_ = false;
  std::optional<Visit> body_visit_;  // whose body is read
  std::size_t reserved_ = 0;         // for that body
  beast::flat_buffer buffer_;
  std::unique_ptr<Parser> parser_;  // of the request that is read or answered
  std::optional<Response> response_;
  std::optional<beast::http::response_serializer<beast::http::string_body>> serializer_;
  std::size_t unsent_ = 0;
  std::size_t discarded_ = 0;
};

}  // namespace

std::shared_ptr<Connection> MakeConnection(asio::io_context* context, ops::File socket,
                                           std::shared_ptr<asio::ssl::context> encryption,
                                           const ConnectionTimes& times, ConnectionHost* host) {
  Peer peer = PeerOf(socket.number());
  ops::LeaveUnwatched(socket.number());
  const bool is_unix = peer.address.empty();
  if (!is_unix) ops::SetOption(socket.number(), IPPROTO_TCP, TCP_NODELAY, 1);
  const asio::generic::stream_protocol protocol(is_unix ? AF_UNIX : AF_INET,
                                                is_unix ? 0 : IPPROTO_TCP);
  asio::generic::stream_protocol::socket owned(*context);
  error_code error;
  owned.assign(protocol, socket.number(), error);
  if (error) return nullptr;
  socket.Release();
  if (encryption == nullptr) {
    return std::make_shared<ConnectionOver<Plain>>(std::move(peer), times, host, nullptr,
                                                   std::move(owned));
  }
  asio::ssl::context& shared = *encryption;
  return std::make_shared<ConnectionOver<Encrypted>>(
      std::move(peer), times, host, std::move(encryption), std::move(owned), shared);
}

}  // namespace descent::http
