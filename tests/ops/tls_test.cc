// Calls over TLS: who may come, what may change meanwhile, and what is refused.

#include "server/ops/tls.h"

#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/access/openssl_handles.h"
#include "server/models/registry/registry.h"
#include "server/ops/server.h"
#include "tests/ops/goodbye_reader.h"
#include "tests/support/certificates.h"
#include "tests/support/service_client.h"

namespace descent::ops {
namespace {

using ::descent::testing::Authority;
using ::descent::testing::Issued;
using ::descent::testing::ServiceClient;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Files in a directory of the test's own.
class TlsFilesTest : public ::testing::Test {
 protected:
  TlsFilesTest() {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  ~TlsFilesTest() override { std::filesystem::remove_all(directory_); }

  std::string Path(const std::string& name) const { return directory_ + "/" + name; }
  // Replaces the file as a whole.
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(Path(name + ".new"), std::ios::binary) << text;
    std::filesystem::rename(Path(name + ".new"), Path(name));
    return Path(name);
  }
  TlsFiles Files(const Issued& identity, const std::string& client_ca = "") const {
    return {.certificate = Write("certificate.pem", identity.certificate),
            .key = Write("key.pem", identity.key),
            .client_ca = client_ca.empty() ? "" : Write("clients.pem", client_ca)};
  }

  const std::string directory_ =
      absl::StrCat(::testing::TempDir(), "tls_", ::testing::UnitTest::GetInstance()->random_seed(),
                   "_", ::testing::UnitTest::GetInstance()->current_test_info()->name());
  Authority authority_{"Test Authority"};
};

TEST_F(TlsFilesTest, SayWhoTheServerIs) {
  const auto read = ReadTlsFiles(Files(authority_.Issue({.common_name = "descent.example"})));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->subject, "CN=descent.example");
  EXPECT_NEAR(static_cast<double>(read->not_after - absl::ToUnixSeconds(absl::Now())), 86400, 600);
}

TEST_F(TlsFilesTest, WrongOnesAreRefusedByOptionAndFile) {
  const Issued identity = authority_.Issue();
  const Issued other = authority_.Issue();
  const std::string encrypted =
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
      "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhrCwnZfYFZ4gICCAAw\n"
      "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEKLMvw0XvY5uC1VYYyYyQ1UEgZBd\n"
      "-----END ENCRYPTED PRIVATE KEY-----\n";
  const auto problem = [&](const std::string& certificate, const std::string& key,
                           const std::string& clients) {
    const TlsFiles files = Files({certificate, key}, clients);
    return std::string(ReadTlsFiles(files).status().message());
  };
  EXPECT_THAT(problem("nonsense", identity.key, ""),
              AllOf(StartsWith("--tls-certificate: "), HasSubstr("found none")));
  EXPECT_THAT(problem(identity.certificate + identity.certificate.substr(0, 200), identity.key, ""),
              HasSubstr("certificate 2 can't be read"));
  EXPECT_THAT(problem(identity.certificate, "nonsense", ""),
              AllOf(StartsWith("--tls-key: "), HasSubstr("found none")));
  EXPECT_THAT(problem(identity.certificate, identity.certificate, ""), HasSubstr("found none"));
  EXPECT_THAT(problem(identity.certificate, other.key, ""),
              HasSubstr("it is not the key of the first certificate in "));
  EXPECT_THAT(problem(identity.certificate, identity.key, "nonsense"),
              StartsWith("--tls-client-ca: "));
  EXPECT_THAT(problem(std::string(1 << 21, 'x'), identity.key, ""),
              HasSubstr("holds more than a MiB"));
  EXPECT_THAT(problem(identity.certificate, encrypted, ""), StartsWith("--tls-key: "));
  TlsFiles missing = Files(identity);
  missing.key = Path("missing.pem");
  EXPECT_THAT(std::string(ReadTlsFiles(missing).status().message()),
              HasSubstr("missing.pem: No such file"));
  missing.key = directory_;
  EXPECT_THAT(std::string(ReadTlsFiles(missing).status().message()), StartsWith("--tls-key: "));
}

class TlsTest : public TlsFilesTest {
 protected:
  absl::Status Start(const TlsFiles& files, ServerOptions options = {}) {
    if (options.listen.empty()) options.listen = {"127.0.0.1:0"};
    options.tls = files;
    auto server = Server::Start(options, &registry_);
    if (!server.ok()) return server.status();
    server_ = *std::move(server);
    server_->StartServing();
    return absl::OkStatus();
  }

  // A client with a connection of its own. `identity` null: it shows none.
  std::unique_ptr<ServiceClient> Client(const std::string& authority,
                                        const Issued* identity = nullptr) const {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = authority;
    if (identity != nullptr) {
      options.pem_cert_chain = identity->certificate;
      options.pem_private_key = identity->key;
    }
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return std::make_unique<ServiceClient>(
        grpc::CreateCustomChannel(server_->address(), grpc::SslCredentials(options), arguments));
  }
  static std::string Ask(ServiceClient* client) {
    return client->CheckHealth("", {.timeout = absl::Seconds(5)});
  }

  // Waits until a new connection is answered like that.
  bool Becomes(const std::string& authority, const Issued* identity, const std::string& answer) {
    for (int i = 0; i < 100; ++i) {
      if (Ask(Client(authority, identity).get()) == answer) return true;
      absl::SleepFor(absl::Milliseconds(100));
    }
    return false;
  }

  // One to the server for HTTP/2, before its handshake.
  access::Bio Connection(SSL_CTX* context) const {
    access::Bio connection(BIO_new_ssl_connect(context));
    SSL* ssl = nullptr;
    BIO_get_ssl(connection.get(), &ssl);
    const unsigned char h2[] = {2, 'h', '2'};
    SSL_set_alpn_protos(ssl, h2, sizeof h2);
    std::string address = server_->address();
    BIO_ctrl(connection.get(), BIO_C_SET_CONNECT, 0, address.data());
    return connection;
  }

  models::Registry registry_{models::ModelsOptions{}};
  std::unique_ptr<Server> server_;
};

TEST_F(TlsTest, WhoBelievesTheAuthorityIsAnswered) {
  ASSERT_TRUE(Start(Files(authority_.Issue())).ok());
  EXPECT_EQ(Ask(Client(authority_.certificate()).get()), "SERVING");
  EXPECT_EQ(Ask(Client(Authority("Another").certificate()).get()), "UNAVAILABLE");
}

TEST_F(TlsTest, PlaintextIsNotAnswered) {
  ASSERT_TRUE(Start(Files(authority_.Issue())).ok());
  ServiceClient plain(server_->address());
  EXPECT_EQ(Ask(&plain), "UNAVAILABLE");
}

TEST_F(TlsTest, ClientsShowACertificateOfTheirAuthority) {
  Authority clients("Clients");
  ASSERT_TRUE(Start(Files(authority_.Issue(), clients.certificate())).ok());
  const std::int64_t failed_before = server_->Usage().failed_handshakes;
  const Issued good = clients.Issue({.common_name = "pricing"});
  const Issued foreign = Authority("Another").Issue();
  const Issued expired = clients.Issue({.days_from = -3, .days_until = -1});
  const Issued future = clients.Issue({.days_from = 2, .days_until = 3});
  EXPECT_EQ(Ask(Client(authority_.certificate(), &good).get()), "SERVING");
  EXPECT_EQ(Ask(Client(authority_.certificate()).get()), "UNAVAILABLE");
  EXPECT_EQ(Ask(Client(authority_.certificate(), &foreign).get()), "UNAVAILABLE");
  EXPECT_EQ(Ask(Client(authority_.certificate(), &expired).get()), "UNAVAILABLE");
  EXPECT_EQ(Ask(Client(authority_.certificate(), &future).get()), "UNAVAILABLE");
  // Clients try again as often as they have time for.
  EXPECT_GE(server_->Usage().failed_handshakes - failed_before, 4);
}

TEST_F(TlsTest, HandshakesThatFailAreCounted) {
  ASSERT_TRUE(Start(Files(authority_.Issue())).ok());
  const std::int64_t before = server_->Usage().failed_handshakes;
  EXPECT_EQ(Ask(Client(authority_.certificate()).get()), "SERVING");
  EXPECT_EQ(server_->Usage().failed_handshakes, before);
  ServiceClient plain(server_->address());
  EXPECT_EQ(Ask(&plain), "UNAVAILABLE");
  EXPECT_GT(server_->Usage().failed_handshakes, before);
}

TEST_F(TlsTest, TheServerDoesNotStartWithFilesThatMakeNoSense) {
  TlsFiles files = Files(authority_.Issue());
  Write("key.pem", authority_.Issue().key);
  const absl::Status status = Start(files);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), StartsWith("--tls-key: "));
}

TEST_F(TlsTest, OldVersionsOfTheProtocolAreRefused) {
  ASSERT_TRUE(Start(Files(authority_.Issue())).ok());
  const auto connects = [&](int version) {
    const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()),
                                                               SSL_CTX_free);
    SSL_CTX_set_security_level(context.get(), 0);  // or OpenSSL itself would refuse them
    SSL_CTX_set_cipher_list(context.get(), "ALL:@SECLEVEL=0");
    SSL_CTX_set_min_proto_version(context.get(), version);
    SSL_CTX_set_max_proto_version(context.get(), version);
    const access::Bio connection = Connection(context.get());
    return BIO_do_connect(connection.get()) == 1;
  };
  EXPECT_FALSE(connects(TLS1_VERSION));
  EXPECT_FALSE(connects(TLS1_1_VERSION));
  EXPECT_TRUE(connects(TLS1_2_VERSION));
  EXPECT_TRUE(connects(TLS1_3_VERSION));
}

// Two authorities tell the old certificate from the new one.
TEST_F(TlsTest, NewCertificatesAreForNewConnectionsAndCutNone) {
  Authority renewed("Renewed");
  ASSERT_TRUE(Start(Files(authority_.Issue())).ok());
  const auto early = Client(authority_.certificate());
  ASSERT_EQ(Ask(early.get()), "SERVING");
  Files(renewed.Issue());
  EXPECT_TRUE(Becomes(renewed.certificate(), nullptr, "SERVING"));
  EXPECT_EQ(Ask(early.get()), "SERVING");
  EXPECT_EQ(Ask(Client(authority_.certificate()).get()), "UNAVAILABLE");
}

TEST_F(TlsTest, NewAuthoritiesOfClientsCount) {
  Authority old_clients("Clients");
  Authority new_clients("New Clients");
  const Issued server = authority_.Issue();
  ASSERT_TRUE(Start(Files(server, old_clients.certificate())).ok());
  const Issued old_client = old_clients.Issue();
  const Issued new_client = new_clients.Issue();
  ASSERT_EQ(Ask(Client(authority_.certificate(), &new_client).get()), "UNAVAILABLE");
  Write("clients.pem", old_clients.certificate() + new_clients.certificate());
  EXPECT_TRUE(Becomes(authority_.certificate(), &new_client, "SERVING"));
  EXPECT_EQ(Ask(Client(authority_.certificate(), &old_client).get()), "SERVING");
}

TEST_F(TlsTest, FilesThatMakeNoSenseLeaveWhatWas) {
  const Issued first = authority_.Issue();
  ASSERT_TRUE(Start(Files(first)).ok());
  Authority renewed("Renewed");
  const Issued second = renewed.Issue();
  for (const std::string& text : {std::string("nonsense"), std::string(), second.certificate}) {
    Write("certificate.pem", text);
    absl::SleepFor(absl::Seconds(1));
    EXPECT_EQ(Ask(Client(authority_.certificate()).get()), "SERVING") << text;
  }
  std::filesystem::remove(Path("certificate.pem"));
  absl::SleepFor(absl::Seconds(1));
  EXPECT_EQ(Ask(Client(authority_.certificate()).get()), "SERVING");
  // The key at last, and both are one again.
  Files(second);
  EXPECT_TRUE(Becomes(renewed.certificate(), nullptr, "SERVING"));
}

// As Kubernetes does it: the files are links into a directory that a link names.
TEST_F(TlsTest, ALinkThatIsSwappedIsAChange) {
  Authority renewed("Renewed");
  const auto fill = [&](const std::string& name, const Issued& identity) {
    std::filesystem::create_directories(Path(name));
    Write(name + "/certificate.pem", identity.certificate);
    Write(name + "/key.pem", identity.key);
  };
  fill("first", authority_.Issue());
  fill("second", renewed.Issue());
  std::filesystem::create_directory_symlink("first", Path("data"));
  ASSERT_TRUE(
      Start({.certificate = Path("data/certificate.pem"), .key = Path("data/key.pem")}).ok());
  ASSERT_EQ(Ask(Client(authority_.certificate()).get()), "SERVING");
  std::filesystem::create_directory_symlink("second", Path("data.new"));
  std::filesystem::rename(Path("data.new"), Path("data"));
  EXPECT_TRUE(Becomes(renewed.certificate(), nullptr, "SERVING"));
}

// Connections come all the time while the certificate changes again and again: none fails.
TEST_F(TlsTest, NoCallFailsWhileCertificatesChange) {
  ASSERT_TRUE(Start(Files(authority_.Issue())).ok());
  std::atomic<bool> stop = false;
  std::atomic<int> calls = 0;
  std::atomic<int> failures = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 2; ++i) {
    callers.emplace_back([&, i] {
      auto client = Client(authority_.certificate());
      while (!stop) {
        if (i == 0) client = Client(authority_.certificate());
        if (Ask(client.get()) != "SERVING") ++failures;
        ++calls;
      }
    });
  }
  for (int i = 0; i < 8; ++i) {
    Files(authority_.Issue());
    absl::SleepFor(absl::Milliseconds(300));
  }
  stop = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(failures, 0);
  EXPECT_GT(calls, 20);
}

// What costs the server more than its sender is cut off when it comes encrypted, too.
TEST_F(TlsTest, FloodsOfFramesAreCutOff) {
  ServerOptions options;
  options.frames.settings = {.burst = 20, .per_second = 1};
  ASSERT_TRUE(Start(Files(authority_.Issue()), options).ok());
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()),
                                                             SSL_CTX_free);
  const auto cut_after = [&](int frames) {
    const access::Bio connection = Connection(context.get());
    SSL* ssl = nullptr;
    BIO_get_ssl(connection.get(), &ssl);
    EXPECT_EQ(BIO_do_connect(connection.get()), 1);
    const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const std::string settings("\0\0\0\4\0\0\0\0\0", 9);
    std::string sent = preface;
    for (int i = 0; i < frames; ++i) sent += settings;
    BIO_write(connection.get(), sent.data(), static_cast<int>(sent.size()));
    timeval timeout = absl::ToTimeval(absl::Seconds(2));
    setsockopt(SSL_get_fd(ssl), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    char answer[4096];
    int size = 0;
    while ((size = SSL_read(ssl, answer, sizeof answer)) > 0) continue;
    // Not the time that is over, but the connection.
    return SSL_get_error(ssl, size) != SSL_ERROR_WANT_READ;
  };
  EXPECT_FALSE(cut_after(5));
  EXPECT_TRUE(cut_after(50));
  EXPECT_EQ(Ask(Client(authority_.certificate()).get()), "SERVING");
}

TEST_F(TlsTest, CallersAreAskedToGoWhileTheyAreStillAnswered) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to a connection that has ended
  ASSERT_TRUE(Start(Files(authority_.Issue())).ok());
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()),
                                                             SSL_CTX_free);
  const access::Bio connection = Connection(context.get());
  SSL* ssl = nullptr;
  BIO_get_ssl(connection.get(), &ssl);
  ASSERT_EQ(BIO_do_connect(connection.get()), 1);
  const auto say = [&connection](const std::string& text) {
    return BIO_write(connection.get(), text.data(), static_cast<int>(text.size())) > 0;
  };
  ASSERT_TRUE(say(kClientBegin));
  std::string heard;
  const auto hear = [ssl, &heard] {
    char bytes[4096];
    const int size = SSL_read(ssl, bytes, sizeof bytes);
    if (size > 0) heard.append(bytes, static_cast<std::size_t>(size));
    return size > 0;
  };
  EXPECT_TRUE(hear());
  std::future<bool> drained = std::async(
      std::launch::async, [this] { return server_->Drain(absl::Now() + absl::Seconds(30)); });
  for (int i = 0; i < 90 && say(kEmptySettings) && hear(); ++i) {
    absl::SleepFor(absl::Milliseconds(2));
  }
  while (hear()) continue;
  EXPECT_TRUE(IsAnsweredAfterAGoodbye(heard));
  EXPECT_TRUE(drained.get());
}

TEST_F(TlsTest, UnixSocketsAndTheHealthPortAreInPlaintext) {
  ServerOptions options;
  options.listen = {"127.0.0.1:0", "unix:" + Path("socket"), "127.0.0.1:0"};
  options.health = "127.0.0.1:0";
  ASSERT_TRUE(Start(Files(authority_.Issue()), options).ok());
  const std::vector<std::string> addresses = server_->addresses();
  ASSERT_EQ(addresses.size(), 3);
  EXPECT_NE(addresses[0], addresses[2]);
  EXPECT_EQ(Ask(Client(authority_.certificate()).get()), "SERVING");
  ServiceClient local(addresses[1]);
  EXPECT_EQ(Ask(&local), "SERVING");
  ServiceClient other(addresses[2]);
  EXPECT_EQ(Ask(&other), "UNAVAILABLE");

  ServiceClient probe(server_->health_address());
  EXPECT_EQ(Ask(&probe), "SERVING");
  EXPECT_EQ(probe.CheckHealth("descent.v1.NetworkService"), "SERVING");
  v1::GetModelRequest request;
  request.set_name("m");
  EXPECT_EQ(probe.Call(request).status.code, absl::StatusCode::kUnimplemented);
  server_->GiveUp();
  EXPECT_EQ(Ask(&probe), "NOT_SERVING");
  EXPECT_TRUE(server_->Drain(absl::Now() + absl::Seconds(10)));
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(Path("socket")));
}

}  // namespace
}  // namespace descent::ops
