// Callers that show certificates, over the server's own TLS: the names that gRPC tells of them, and
// what is let in by them, for every method.

#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"
#include "server/access/access.h"
#include "server/access/certificate_names.h"
#include "server/access/method_roles.h"
#include "server/access/openssl_handles.h"
#include "server/services/call_hooks.h"
#include "tests/services/any_method.h"
#include "tests/services/service_fixture.h"
#include "tests/support/certificates.h"

namespace descent::access {
namespace {

using descent::testing::Authority;
using descent::testing::CallMethod;
using descent::testing::CertificateRequest;
using descent::testing::Issued;
using descent::testing::ReasonOf;
using descent::testing::RequestAbout;
using descent::testing::RequestOf;
using google::protobuf::MethodDescriptor;
using Metadata = std::multimap<std::string, std::string>;

Caller WithCertificate(const std::string& certificate, Role role) {
  return {.name = certificate, .role = role, .credential = certificate, .models = {}};
}

Rules MakeRules() {
  std::vector<Caller> callers = {WithCertificate("spiffe://example/reader", Role::kReader),
                                 WithCertificate("trainer.example", Role::kTrainer),
                                 WithCertificate("CN=admin", Role::kAdmin),
                                 WithCertificate("CN=pricing,O=Example", Role::kReader)};
  callers.push_back(
      {.name = "token", .role = Role::kReader, .credential = Sha256("token"), .models = {}});
  return Rules(std::move(callers));
}

class CertificateTest : public descent::testing::ServiceTest {
 protected:
  CertificateTest() : directory_(absl::StrCat(::testing::TempDir(), "certificates_", getpid())) {
    methods_ = descent::testing::MethodsOf(server_->InProcessChannel());
    std::filesystem::create_directories(directory_);
    const Issued identity = authority_.Issue();
    server_options_.tls = {.certificate = Write("certificate.pem", identity.certificate),
                           .key = Write("key.pem", identity.key),
                           .client_ca = Write("ca.pem", authority_.certificate())};
    server_options_.listen = {"127.0.0.1:0"};
    hooks_.admission = &access_;
    Restart();
  }
  ~CertificateTest() override {
    server_.reset();
    std::filesystem::remove_all(directory_);
  }

  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ + "/" + name, std::ios::binary) << text;
    return directory_ + "/" + name;
  }

  // A connection whose client shows the certificate; none if that is empty.
  std::shared_ptr<grpc::Channel> Connect(const Issued& shown) const {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = authority_.certificate();
    options.pem_cert_chain = shown.certificate;
    options.pem_private_key = shown.key;
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    return grpc::CreateCustomChannel(server_->address(), grpc::SslCredentials(options), arguments);
  }
  std::shared_ptr<grpc::Channel> ConnectAs(const std::string& common_name,
                                           const std::string& alternative_names) {
    return Connect(
        authority_.Issue({.common_name = common_name, .alternative_names = alternative_names}));
  }

  // How a call of ListModels ends: "", a reason, or a code's number where it has none.
  std::string Listed(const std::shared_ptr<grpc::Channel>& channel, const Metadata& metadata = {}) {
    for (const MethodDescriptor* method : methods_) {
      if (method->name() != "ListModels") continue;
      const grpc::Status status = CallMethod(channel, *method, *RequestOf(*method), metadata);
      const std::string reason = ReasonOf(status);
      return status.ok() || !reason.empty() ? reason : absl::StrCat(status.error_code());
    }
    return "no such method";
  }

  const std::string directory_;
  Authority authority_{"Test Authority"};
  Access access_{MakeRules()};
  std::vector<const MethodDescriptor*> methods_;
};

TEST_F(CertificateTest, EachRoleMayDoWhatTheTableSays) {
  const struct {
    Role role;
    std::shared_ptr<grpc::Channel> channel;
  } callers[] = {
      {Role::kReader, ConnectAs("somebody", "DNS:a.example,URI:spiffe://example/reader")},
      {Role::kTrainer, ConnectAs("somebody", "DNS:a.example,DNS:trainer.example")},
      {Role::kAdmin, ConnectAs("admin", "DNS:b.example")},
  };
  for (const auto& [role, channel] : callers) {
    for (const MethodDescriptor* method : methods_) {
      const MethodRole* const least =
          FindMethodRole({method->service()->full_name(), method->name()});
      auto request = RequestAbout("none", *method);
      if (request == nullptr) request = RequestOf(*method);
      const std::string reason = ReasonOf(CallMethod(channel, *method, *request, {}));
      EXPECT_EQ(reason == "ROLE_NOT_PERMITTED", role < least->least) << method->full_name();
      EXPECT_FALSE(reason.starts_with("CREDENTIALS_")) << method->full_name() << " " << reason;
    }
  }
}

TEST_F(CertificateTest, NamesAreMatchedToTheLetter) {
  EXPECT_EQ(Listed(ConnectAs("x", "URI:spiffe://example/reader")), "");
  EXPECT_EQ(Listed(ConnectAs("admin", "DNS:x.example")), "");
  EXPECT_EQ(Listed(ConnectAs("x", "URI:spiffe://example/reader2")), "CREDENTIALS_UNKNOWN");
  EXPECT_EQ(Listed(ConnectAs("x", "DNS:sub.trainer.example")), "CREDENTIALS_UNKNOWN");
  EXPECT_EQ(Listed(ConnectAs("trainer.example", "DNS:x.example")), "CREDENTIALS_UNKNOWN")
      << "a common name is no SAN";
  EXPECT_EQ(Listed(ConnectAs("x", "DNS:admin")), "CREDENTIALS_UNKNOWN") << "nor the other way";
  EXPECT_EQ(Listed(ConnectAs("x", "DNS:CN=admin")), "CREDENTIALS_UNKNOWN")
      << "a SAN that looks like a subject is none";
  EXPECT_EQ(Listed(ConnectAs("Admin", "DNS:x.example")), "CREDENTIALS_UNKNOWN");
}

// Lets everybody in, and keeps the names that gRPC has told of them.
class NamesSeen final : public services::Admission {
 public:
  absl::StatusOr<std::unique_ptr<services::CallPermit>> Admit(
      const services::MethodName& /*name*/, const grpc::ServerContextBase& context) override {
    names = CertificateNamesOf(context).names;
    return nullptr;
  }
  std::vector<std::string> names;
};

TEST_F(CertificateTest, OtherPortsTellTheSameNamesOfACertificate) {
  NamesSeen seen;
  server_.reset();
  hooks_.admission = &seen;
  Restart();
  for (const CertificateRequest& request : {
           CertificateRequest{.common_name = "pricing", .alternative_names = "DNS:a.example"},
           CertificateRequest{.common_name = "a, b+c=\"d\" <e>;#",
           .alternative_names = "URI:spiffe://example/p,DNS:*.b.example,"
                                "email:x@example,IP:127.0.0.1,IP:::1,"
                                "IP:2001:db8::7,DNS:CN=admin"},
           CertificateRequest{.common_name = "Z\xc3\xbcrich", .alternative_names = "DNS:c"},
       }) {
    const Issued issued = authority_.Issue(request);
    ASSERT_EQ(Listed(Connect(issued)), "");
    const std::unique_ptr<BIO, void (*)(BIO*)> bio(
        BIO_new_mem_buf(issued.certificate.data(), static_cast<int>(issued.certificate.size())),
        [](BIO* pem) { BIO_free(pem); });
    const std::unique_ptr<X509, void (*)(X509*)> certificate(
        PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
    ASSERT_NE(certificate, nullptr);
    EXPECT_FALSE(seen.names.empty());
    EXPECT_EQ(CertificateNamesOf(*certificate).names, seen.names) << request.common_name;
  }
  server_.reset();
}

// Why a client that insists on RFC 5280 does not believe in the certificate: "ok" if it does.
std::string JudgedStrictly(const std::string& authority, const std::string& certificate) {
  const auto read = [](const std::string& pem) {
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    return Certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  };
  const std::unique_ptr<X509_STORE, OpensslFree<X509_STORE_free>> store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), read(authority).get());
  X509_STORE_set_flags(store.get(), X509_V_FLAG_X509_STRICT);
  const std::unique_ptr<X509_STORE_CTX, OpensslFree<X509_STORE_CTX_free>> context(
      X509_STORE_CTX_new());
  const Certificate judged = read(certificate);
  X509_STORE_CTX_init(context.get(), store.get(), judged.get(), nullptr);
  X509_verify_cert(context.get());
  return X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
}

TEST_F(CertificateTest, StrictClientsBelieveInWhatTestsIssue) {
  EXPECT_EQ(JudgedStrictly(authority_.certificate(), authority_.Issue().certificate), "ok");
}

TEST_F(CertificateTest, OnlyGoodCertificatesOfTheAuthorityCount) {
  const CertificateRequest admin = {.common_name = "admin", .alternative_names = "DNS:x.example"};
  const std::string unavailable = absl::StrCat(grpc::StatusCode::UNAVAILABLE);
  CertificateRequest expired = admin;
  expired.days_from = -3;
  expired.days_until = -1;
  EXPECT_EQ(Listed(Connect(authority_.Issue(expired))), unavailable);
  Authority other("Test Authority");
  EXPECT_EQ(Listed(Connect(other.Issue(admin))), unavailable);
  EXPECT_EQ(Listed(Connect({})), "CREDENTIALS_MISSING");
  EXPECT_EQ(Listed(Connect(authority_.Issue(admin))), "");
}

TEST_F(CertificateTest, ATokenIsLookedAtAloneWhateverCertificateComesWithIt) {
  const auto admin = ConnectAs("admin", "DNS:x.example");
  EXPECT_EQ(Listed(admin, {{"authorization", "Bearer wrong"}}), "CREDENTIALS_UNKNOWN");
  EXPECT_EQ(Listed(admin, {{"authorization", "Basic x"}}), "CREDENTIALS_MALFORMED");
  EXPECT_EQ(Listed(ConnectAs("x", "DNS:x.example"), {{"authorization", "Bearer token"}}), "");
  EXPECT_EQ(Listed(Connect({}), {{"authorization", "Bearer token"}}), "");
}

}  // namespace
}  // namespace descent::access
