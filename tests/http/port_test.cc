// The port over real sockets: what holds it up, and what it holds off.

#include "server/http/port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "server/http/probes.h"
#include "server/ops/file.h"

namespace descent::http {
namespace {

using ops::File;

constexpr int kPatience = 60'000;                         // milliseconds
constexpr std::size_t kMostHead = std::size_t{16} << 10;  // bytes, of a request

class PortTest : public ::testing::Test {
 protected:
  void Start(PortOptions options = {}) {
    if (options.address.empty()) options.address = "127.0.0.1:0";
    std::vector<Route> routes = ProbeRoutes([] { return true; });
    routes.push_back({.path = "/page", .handler = [](const Request&) {
                        return Answer{.type = "text/html", .body = "<p>page"};
                      }});
    routes.push_back({.path = "/waits", .handler = [this](const Request&) {
                        ++waiting_;
                        go_on_.WaitForNotification();
                        return Answer{.body = "waited"};
                      }});
    routes.push_back({.path = "/large", .handler = [](const Request&) {
                        return Answer{.body = std::string(std::size_t{32} << 20, 'x')};
                      }});
    routes.push_back({.path = "/echo",
                      .method = Method::kPost,
                      .deferred = [](Request request, const Later& later) {
                        later([body = std::move(request.body)] { return Answer{.body = body}; });
                      }});
    routes.push_back({.path = "/later", .deferred = [this](const Request&, const Later& later) {
                        const absl::MutexLock lock(&mutex_);
                        laters_.push_back(later);
                      }});
    routes.push_back({.path = "/never", .deferred = [](const Request&, const Later&) {}});
    routes.push_back({.path = "/throws", .deferred = [](const Request&, const Later&) {
                        throw std::runtime_error("no answer today");
                      }});
    auto port = Port::Start(options, nullptr, Site(std::move(routes), nullptr, nullptr));
    ASSERT_TRUE(port.ok()) << port.status();
    port_ = *std::move(port);
  }

  File Connect() const {
    int port = 0;
    EXPECT_TRUE(absl::SimpleAtoi(port_->address().substr(port_->address().rfind(':') + 1), &port));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    File file(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(connect(file.number(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return file;
  }

  static bool Send(const File& file, std::string_view text) {
    return send(file.number(), text.data(), text.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(text.size());
  }

  // What comes until the end, or until `text` is among it.
  static std::string Receive(const File& file, std::string_view text = {}) {
    std::string received;
    char bytes[4096];
    for (;;) {
      if (!text.empty() && received.find(text) != std::string::npos) return received;
      pollfd ready{.fd = file.number(), .events = POLLIN, .revents = 0};
      if (poll(&ready, 1, kPatience) <= 0) return received + " (and then nothing)";
      const ssize_t size = recv(file.number(), bytes, sizeof bytes, 0);
      if (size <= 0) return received;
      received.append(bytes, static_cast<std::size_t>(size));
    }
  }

  std::string Ask(std::string_view request) const {
    const File file = Connect();
    EXPECT_TRUE(Send(file, request));
    return Receive(file);
  }
  std::string Get(std::string_view path) const {
    return Ask(absl::StrCat("GET ", std::string(path),
                            " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  }

  std::string Post(std::string_view path, std::string_view headers, std::string_view body) const {
    return Ask(absl::StrCat("POST ", std::string(path),
                            " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", std::string(headers),
                            "\r\n", std::string(body)));
  }

  std::size_t AwaitLaters(std::size_t count) {
    const absl::MutexLock lock(&mutex_);
    const auto there = [&] { return laters_.size() >= count; };
    mutex_.Await(absl::Condition(&there));
    return laters_.size();
  }

  absl::Mutex mutex_;
  std::vector<Later> laters_;
  std::atomic<int> waiting_ = 0;
  absl::Notification go_on_;
  std::unique_ptr<Port> port_;
};

TEST_F(PortTest, AnswersWithWhatKeepsBrowsersSafe) {
  Start();
  const std::string answer = Get("/page");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n<p>page")) << answer;
  for (const char* header :
       {"Content-Security-Policy: default-src 'none'", "X-Content-Type-Options: nosniff",
        "Referrer-Policy: no-referrer", "Cache-Control: no-store", "Content-Type: text/html",
        "Content-Length: 7", "Connection: close", "Date: "}) {
    EXPECT_NE(answer.find(header), std::string::npos) << header << " in " << answer;
  }
}

TEST_F(PortTest, HeadIsGetWithoutABody) {
  Start();
  const std::string answer = Ask("HEAD /page HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_NE(answer.find("Content-Length: 7"), std::string::npos) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST_F(PortTest, AConnectionServesManyRequestsAlsoSentAtOnce) {
  Start();
  const File file = Connect();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(Send(file, "GET /page HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_NE(Receive(file, "<p>page").find("200 OK"), std::string::npos);
  }
  std::string both = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /page HTTP/1.1\r\nHost: x\r\n";
  ASSERT_TRUE(Send(file, both + "Connection: close\r\n\r\n"));
  const std::string answers = Receive(file);
  EXPECT_LT(answers.find("alive"), answers.find("<p>page")) << answers;
  EXPECT_TRUE(answers.ends_with("<p>page")) << answers;
}

TEST_F(PortTest, AnOldRequestIsAnsweredAndThatIsAll) {
  Start();
  const std::string answer = Ask("GET /livez HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.0 200 OK")) << answer;
}

TEST_F(PortTest, WhatIsNoRequestIsRefused) {
  Start();
  const std::string host = "\r\nHost: x\r\n";
  for (const auto& [request, status] : std::vector<std::pair<std::string, const char*>>{
           {"nonsense\r\n\r\n", " 400 "},
           {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", " 400 "},
           {std::string("\0\0\0\0\r\n\r\n", 8), " 400 "},
           {"GET /livez HTTP/1.1\r\n\r\n", " 400 "},
           {"GET /livez HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", " 400 "},
           {"GET /livez HTTP/9.9" + host + "\r\n", " 400 "},
           {"GET /livez HTTP/1.1" + host + "a b: c\r\n\r\n", " 400 "},
           {"GET /livez HTTP/1.1" + host + "Content-Length: -1\r\n\r\n", " 400 "},
           {"GET /livez HTTP/1.1" + host + "Content-Length: 5\r\n\r\nhello", " 413 "},
           {"GET /livez HTTP/1.1" + host +
                "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            " 413 "},
           {"POST /livez HTTP/1.1" + host + "Content-Length: 1\r\n\r\nx", " 405 "},
           {"DELETE /livez HTTP/1.1" + host + "Connection: close\r\n\r\n", " 405 "},
           {"GET /../../../etc/passwd HTTP/1.1" + host + "Connection: close\r\n\r\n", " 404 "},
           {"GET /%2e%2e/etc/passwd HTTP/1.1" + host + "Connection: close\r\n\r\n", " 404 "},
           {"GET /livez%00.html HTTP/1.1" + host + "Connection: close\r\n\r\n", " 400 "},
           {"GET /livez HTTP/1.1" + host + "X: " + std::string(kMostHead, 'x') + "\r\n\r\n",
            " 431 "},
           {"GET /" + std::string(kMostHead, 'x') + " HTTP/1.1" + host + "\r\n", " 431 "},
           {"GET /" + std::string(3000, 'x') + " HTTP/1.1" + host + "Connection: close\r\n\r\n",
            " 400 "},
       }) {
    const std::string answer = Ask(request);
    EXPECT_EQ(answer.find(status), 8U) << request.substr(0, 80) << "\n" << answer;
  }
  EXPECT_NE(Get("/livez").find(" 200 "), std::string::npos);
}

TEST_F(PortTest, HeadersWithoutEndAreBounded) {
  Start();
  const File file = Connect();
  ASSERT_TRUE(Send(file, "GET / HTTP/1.1\r\nHost: x\r\n"));
  for (int i = 0; i < 100'000; ++i) {
    if (!Send(file, absl::StrCat("X", i, ": ", i, "\r\n"))) break;
    ASSERT_LT(i, 99'999) << "all of them were taken";
  }
  EXPECT_NE(Get("/livez").find(" 200 "), std::string::npos);
}

TEST_F(PortTest, ARequestThatComesByteByByteIsGivenUp) {
  Start({.head_time = absl::Milliseconds(300)});
  const File file = Connect();
  const std::string request = "GET /livez HTTP/1.1\r\nHost: " + std::string(10'000, 'x');
  bool ended = false;
  for (const char byte : request) {
    if (!Send(file, {&byte, 1})) {
      ended = true;
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(ended) << "bytes that keep coming do not buy more time";
  const File silent = Connect();
  EXPECT_EQ(Receive(silent), "") << "closed without a word";
}

TEST_F(PortTest, AnIdleConnectionIsClosed) {
  Start({.idle_time = absl::Milliseconds(200)});
  const File file = Connect();
  ASSERT_TRUE(Send(file, "GET /page HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_TRUE(Receive(file).ends_with("<p>page"));
}

TEST_F(PortTest, WhoeverFillsThePortKeepsOutNoProbe) {
  Start({.max_connections = 8});
  std::vector<File> silent;
  for (int i = 0; i < 100; ++i) silent.push_back(Connect());
  for (int i = 0; i < 20; ++i) {
    silent.push_back(Connect());
    Send(silent.back(), "GET /livez HTTP/1.1\r\nHost: ");
    ASSERT_NE(Get("/livez").find(" 200 "), std::string::npos) << i;
  }
}

TEST_F(PortTest, ProbesDoNotWaitForPages) {
  Start();
  std::vector<File> files;
  for (int i = 0; i < 20; ++i) {
    files.push_back(Connect());
    ASSERT_TRUE(Send(files.back(), "GET /waits HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  }
  EXPECT_NE(Get("/livez").find(" 200 "), std::string::npos);
  go_on_.Notify();
  for (const File& file : files) EXPECT_TRUE(Receive(file).ends_with("waited"));
  EXPECT_EQ(waiting_, 20);
}

TEST_F(PortTest, AnswersThatNobodyTakesAreBounded) {
  Start({.max_connections = 32, .max_unsent_bytes = std::size_t{48} << 20});
  std::vector<File> files;
  int refused = 0;
  for (int i = 0; i < 8; ++i) {
    files.push_back(Connect());
    ASSERT_TRUE(Send(files.back(), "GET /large HTTP/1.1\r\nHost: x\r\n\r\n"));
    if (Receive(files.back(), "\r\n\r\n").find(" 503 ") != std::string::npos) ++refused;
  }
  EXPECT_EQ(refused, 6) << "two hold more than the bound together";
  EXPECT_NE(Get("/livez").find(" 200 "), std::string::npos) << "what is small is answered";
  files.clear();
  for (int i = 0; Get("/page").find(" 200 ") == std::string::npos; ++i) {
    ASSERT_LT(i, 1000) << "their clients have gone";
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

TEST_F(PortTest, AnAnswerThatIsNotTakenInTimeIsGivenUp) {
  Start({.answer_time = absl::Milliseconds(300)});
  const File file = Connect();
  ASSERT_TRUE(Send(file, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n"));
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  EXPECT_LT(Receive(file).size(), std::size_t{32} << 20);
}

TEST_F(PortTest, ItsEndWaitsForAnswersAndNotForConnections) {
  Start();
  const File idle = Connect();
  ASSERT_TRUE(Send(idle, "GET /page HTTP/1.1\r\nHost: x\r\n\r\n"));
  Receive(idle, "<p>page");
  const File asking = Connect();
  ASSERT_TRUE(Send(asking, "GET /waits HTTP/1.1\r\nHost: x\r\n\r\n"));
  while (waiting_ == 0) std::this_thread::yield();
  std::thread end([this] { port_.reset(); });
  EXPECT_EQ(Receive(idle), "") << "closed";
  go_on_.Notify();
  EXPECT_TRUE(Receive(asking).ends_with("waited"));
  end.join();
}

TEST_F(PortTest, ABodyComesWholeHoweverItIsSent) {
  Start();
  EXPECT_TRUE(Post("/echo", "Content-Length: 5\r\n", "abcde").ends_with("\r\n\r\nabcde"));
  EXPECT_TRUE(Post("/echo", "", "").ends_with("Content-Length: 0\r\nConnection: close\r\n\r\n"));
  const std::string chunked =
      Post("/echo", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_TRUE(chunked.ends_with("\r\n\r\nabcde")) << chunked;
  const std::string large(3 << 20, 'x');
  const std::string echoed =
      Post("/echo", absl::StrCat("Content-Length: ", large.size(), "\r\n"), large);
  EXPECT_TRUE(echoed.ends_with(large)) << echoed.size();
  const std::string two =
      Ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
          "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\ndef");
  EXPECT_NE(two.find("\r\n\r\nabcHTTP/1.1 200"), std::string::npos) << two;
  EXPECT_TRUE(two.ends_with("\r\n\r\ndef")) << two;
}

TEST_F(PortTest, BodiesAreBounded) {
  std::atomic<std::size_t> held = 0;
  const auto reserve = [&held](std::size_t bytes) -> absl::StatusOr<std::shared_ptr<const void>> {
    if (held + bytes > 3000) return absl::ResourceExhaustedError("full");
    held += bytes;
    return std::shared_ptr<const void>(&held,
                                       [bytes](std::atomic<std::size_t>* of) { *of -= bytes; });
  };
  Start({.max_body_bytes = 2000, .reserve_body = reserve});
  const auto status = [&](std::size_t bytes) {
    return Post("/echo", absl::StrCat("Content-Length: ", bytes, "\r\n"), std::string(bytes, 'x'))
        .substr(9, 3);
  };
  EXPECT_EQ(status(2000), "200");
  EXPECT_EQ(status(2001), "413");
  const std::string chunk = "400\r\n" + std::string(1024, 'x') + "\r\n";
  EXPECT_EQ(
      Post("/echo", "Transfer-Encoding: chunked\r\n", chunk + chunk + "0\r\n\r\n").substr(9, 3),
      "503")
      << "memory is counted a piece ahead";
  EXPECT_EQ(Post("/page", "Content-Length: 5\r\n", "abcde").substr(9, 3), "405");
  EXPECT_EQ(Ask("GET /page HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde").substr(9, 3),
            "413");
  for (int i = 0; held > 0 && i < 1000; ++i) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_EQ(held, 0U);
}

TEST_F(PortTest, ABodyThatIsNotSentInTimeIsGivenUp) {
  Start({.body_time = absl::Milliseconds(200)});
  EXPECT_EQ(Ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc"), "");
}

TEST_F(PortTest, AnAnswerThatComesLaterHoldsUpNoThread) {
  Start();
  std::vector<File> asking;
  for (int i = 0; i < 8; ++i) {
    asking.push_back(Connect());
    Send(asking.back(), "GET /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  }
  AwaitLaters(8);  // of two threads
  EXPECT_NE(Get("/page").find("<p>page"), std::string::npos);
  std::vector<Later> laters;
  {
    const absl::MutexLock lock(&mutex_);
    laters = std::move(laters_);
  }
  for (const Later& later : laters) {
    later([] { return Answer{.body = "late"}; });
    later([] { return Answer{.body = "twice"}; });
  }
  for (const File& file : asking) EXPECT_TRUE(Receive(file).ends_with("\r\n\r\nlate"));
}

TEST_F(PortTest, AnAnswerThatNobodyGivesIsAnErrorOfTheServer) {
  Start();
  EXPECT_TRUE(Get("/never").starts_with("HTTP/1.1 500 "));
  EXPECT_TRUE(Get("/throws").starts_with("HTTP/1.1 500 "));
}

TEST_F(PortTest, AnswersThatAreAwaitedAreBounded) {
  Start({.max_late_answers = 1});
  const File first = Connect();
  Send(first, "GET /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  AwaitLaters(1);
  const std::string second = Get("/later");
  EXPECT_TRUE(second.starts_with("HTTP/1.1 503 ")) << second;
  EXPECT_NE(second.find("Retry-After: 1"), std::string::npos) << second;
}

TEST_F(PortTest, AnAnswerMayComeAfterThePortHasGone) {
  Start();
  const File asking = Connect();
  Send(asking, "GET /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  AwaitLaters(1);
  port_ = nullptr;
  const absl::MutexLock lock(&mutex_);
  laters_[0]([] { return Answer{.body = "too late"}; });
  EXPECT_EQ(Receive(asking), "");
}

TEST_F(PortTest, AUnixSocketServesToo) {
  const std::string path = absl::StrCat(::testing::TempDir(), "http_", getpid(), ".sock");
  Start({.address = "unix:" + path});
  EXPECT_EQ(port_->url(), "unix:" + path);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const File file(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(connect(file.number(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_TRUE(Send(file, "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  EXPECT_NE(Receive(file).find(" 200 "), std::string::npos);
  port_.reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(PortTest, TwoServersDoNotShareAPort) {
  Start();
  const auto second =
      Port::Start({.address = port_->address()}, nullptr, Site({}, nullptr, nullptr));
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace descent::http
