// Connections are bounded, and the server accepts again whatever happened.

#include "server/ops/acceptor.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/models/registry/registry.h"
#include "server/ops/server.h"
#include "tests/ops/goodbye_reader.h"
#include "tests/support/service_client.h"

namespace descent::ops {
namespace {

using ::descent::testing::ServiceClient;

// A connection that says `text`, closed when destroyed.
class RawConnection {
 public:
  explicit RawConnection(const std::string& address, const std::string& text = "") {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    if (connect(file_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return;
    Say(text);
  }
  ~RawConnection() { close(file_); }
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  bool Say(const std::string& text) const {
    return send(file_, text.data(), text.size(), MSG_NOSIGNAL) >= 0;
  }

  // All that the server says until it closes it.
  std::string Hear() const {
    std::string heard;
    char bytes[4096];
    ssize_t size = 0;
    while ((size = recv(file_, bytes, sizeof bytes, 0)) > 0) {
      heard.append(bytes, static_cast<std::size_t>(size));
    }
    return heard;
  }

  // Whether the server closes it within the time.
  bool IsClosed(absl::Duration within) const {
    timeval timeout = absl::ToTimeval(within);
    setsockopt(file_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    char byte = 0;
    ssize_t size = 0;
    while ((size = recv(file_, &byte, 1, 0)) > 0) continue;
    return size == 0 || errno == ECONNRESET;
  }

 private:
  const int file_ = socket(AF_INET, SOCK_STREAM, 0);
};

class AcceptorTest : public ::testing::Test {
 protected:
  void Start(ServerOptions options) {
    options.listen = {"127.0.0.1:0"};
    auto server = Server::Start(options, &registry_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    server_->StartServing();
  }

  models::Registry registry_{models::ModelsOptions{}};
  std::unique_ptr<Server> server_;
};

TEST_F(AcceptorTest, SilentConnectionsMakeRoomForOthers) {
  ServerOptions options;
  options.max_connections = 8;
  Start(options);
  ServiceClient early(server_->address());
  EXPECT_EQ(early.CheckHealth(""), "SERVING");
  std::vector<std::unique_ptr<RawConnection>> silent;
  for (int i = 0; i < 100; ++i) {
    silent.push_back(std::make_unique<RawConnection>(server_->address()));
  }
  // Which of them stay is open, since all have been silent for as long.
  std::size_t closed = 0;
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (closed < 92 && absl::Now() < deadline) {
    closed = static_cast<std::size_t>(std::count_if(
        silent.begin(), silent.end(),
        [](const auto& connection) { return connection->IsClosed(absl::Milliseconds(10)); }));
  }
  EXPECT_GE(closed, 92U);
  EXPECT_EQ(early.CheckHealth(""), "SERVING") << "who has called stays";
  ServiceClient late(server_->address());
  EXPECT_EQ(late.CheckHealth(""), "SERVING");
}

// The newest has not called when it comes, and must not be the one that goes for it.
TEST_F(AcceptorTest, WhoComesWhenAllPlacesAreTakenByCallersIsServed) {
  ServerOptions options;
  options.max_connections = 4;
  Start(options);
  std::vector<std::unique_ptr<ServiceClient>> callers;
  for (int i = 0; i < 12; ++i) {
    callers.push_back(std::make_unique<ServiceClient>(server_->address()));
    ASSERT_EQ(callers.back()->CheckHealth(""), "SERVING") << i;
  }
}

TEST_F(AcceptorTest, AcceptsAgainAfterItWasOutOfDescriptors) {
  Start({});
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const int next = dup(0);
  close(next);
  const rlimit few = {static_cast<rlim_t>(next + 20), before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &few);
  // Ours are of this process as well, so there are none left for the server's.
  std::vector<int> taken;
  for (int file = dup(0); file >= 0; file = dup(0)) taken.push_back(file);
  close(taken.back());
  taken.pop_back();
  {
    const RawConnection refused(server_->address());
    EXPECT_TRUE(refused.IsClosed(absl::Seconds(10)));
  }
  for (const int file : taken) close(file);
  setrlimit(RLIMIT_NOFILE, &before);
  ServiceClient client(server_->address());
  EXPECT_EQ(client.CheckHealth(""), "SERVING");
}

TEST_F(AcceptorTest, ConnectionsThatAreOverAreForgotten) {
  ServerOptions options;
  options.max_connections = 4;
  Start(options);
  for (int i = 0; i < 50; ++i) {
    ServiceClient client(server_->address());
    ASSERT_EQ(client.CheckHealth(""), "SERVING") << i;
  }
}

TEST_F(AcceptorTest, AFloodOfFramesIsCutOff) {
  Start({});
  ServiceClient honest(server_->address());
  EXPECT_EQ(honest.CheckHealth(""), "SERVING");
  std::string flood = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  flood += std::string("\0\0\0\4\0\0\0\0\0", 9);                                 // SETTINGS
  for (int i = 0; i < 1000; ++i) flood += std::string("\0\0\0\0\0\0\0\0\1", 9);  // empty DATA
  const RawConnection hostile(server_->address(), flood);
  EXPECT_TRUE(hostile.IsClosed(absl::Seconds(10)));
  EXPECT_EQ(honest.CheckHealth(""), "SERVING");
}

TEST_F(AcceptorTest, CallersAreAskedToGoWhileTheyAreStillAnswered) {
  Start({});
  const RawConnection client(server_->address(), kClientBegin);
  std::future<std::string> heard =
      std::async(std::launch::async, [&client] { return client.Hear(); });
  std::future<bool> drained = std::async(
      std::launch::async, [this] { return server_->Drain(absl::Now() + absl::Seconds(30)); });
  for (int i = 0; i < 90 && client.Say(kEmptySettings); ++i) absl::SleepFor(absl::Milliseconds(2));
  EXPECT_TRUE(IsAnsweredAfterAGoodbye(heard.get()));
  EXPECT_TRUE(drained.get());
}

}  // namespace
}  // namespace descent::ops
