// One connection to the HTTP port: reads a request, has it answered, writes the answer, and so on
// until one of both ends it, or it takes too long.

#ifndef SERVER_HTTP_CONNECTION_H_
#define SERVER_HTTP_CONNECTION_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/http/late_answers.h"
#include "server/http/site.h"
#include "server/ops/file.h"

namespace descent::http {

// A request's line and headers; more is 431.
inline constexpr std::size_t kMostHeadBytes = std::size_t{16} << 10;

// How long a connection may take.
struct ConnectionTimes {
  absl::Duration handshake = absl::Seconds(10);  // of TLS
  absl::Duration head = absl::Seconds(10);       // a request, from its first byte, however it comes
  absl::Duration idle = absl::Seconds(75);       // between two requests
  absl::Duration body = absl::Seconds(60);       // what a POST sends, all of it
  absl::Duration answer = absl::Seconds(30);     // to take an answer
  absl::Duration close = absl::Seconds(2);       // to see that it is over
};

// What a connection is busy with.
enum class Phase : std::uint8_t {
  kReading,  // or waits for its client to send something
  kWorking,  // its answer is made
  kWriting,  // or waits for its client to take it
};

class Connection {
 public:
  virtual ~Connection() = default;
  virtual void Start() = 0;
  // Ends it at once.
  virtual void Close() = 0;
  // Ends it when it has answered what it has read.
  virtual void CloseWhenAnswered() = 0;

  virtual Phase phase() const = 0;
  virtual absl::Time since() const = 0;                 // of the phase, by SteadyNow
  virtual const std::string& peer_address() const = 0;  // without the port; empty: a Unix socket
};

// Of a port, for all of its connections. Used on the thread that reads and writes.
class ConnectionHost {
 public:
  virtual ~ConnectionHost() = default;
  virtual const Site& site() const = 0;
  // Has `work` run on another thread.
  virtual void Work(std::function<void()> work) = 0;
  // Those that come later, which may be after the host has gone.
  virtual LateAnswers& late() = 0;
  // Most bytes that a request may send, and what counts so many of them while it is held.
  // RESOURCE_EXHAUSTED: there is no room for them now.
  virtual std::size_t most_body_bytes() const = 0;
  virtual absl::StatusOr<std::shared_ptr<const void>> ReserveBody(std::size_t bytes) = 0;
  // Whether an answer may be made now: those that wait for their clients do not hold too much.
  virtual bool MayAnswer() const = 0;
  virtual void AddUnsent(std::size_t bytes) = 0;
  virtual void SubtractUnsent(std::size_t bytes) = 0;
  // The connection goes. On any thread.
  virtual void Forget(const Connection* connection) = 0;
};

// Takes a socket that was accepted, of which nothing has been read. `encryption` null: plaintext.
// `host` outlives the connection.
std::shared_ptr<Connection> MakeConnection(boost::asio::io_context* context, ops::File socket,
                                           std::shared_ptr<boost::asio::ssl::context> encryption,
                                           const ConnectionTimes& times, ConnectionHost* host);

}  // namespace descent::http

#endif  // SERVER_HTTP_CONNECTION_H_
