#include "server/http/encryption.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>
#include <string>
#include <string_view>

#include "server/access/openssl_handles.h"
#include "server/ops/log.h"

namespace descent::http {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

// Clients are told whose certificates are believed, so that browsers can offer the right one.
void TellAuthorities(const std::string& authorities, SSL_CTX* context) {
  const access::Bio bio(BIO_new_mem_buf(authorities.data(), static_cast<int>(authorities.size())));
  while (const access::Certificate next{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    SSL_CTX_add_client_CA(context, next.get());
  }
}

error_code Fill(const ops::TlsIdentity& identity, ops::ClientCertificates clients,
                ssl::context* context) {
  error_code error;
  SSL_CTX* const handle = context->native_handle();
  SSL_CTX_set_min_proto_version(handle, TLS1_2_VERSION);
  SSL_CTX_set_options(handle, SSL_OP_NO_RENEGOTIATION);
  // Connections live long, and a session that is taken up again would hold a client's certificate
  // for good that has expired since.
  SSL_CTX_set_session_cache_mode(handle, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(handle, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(handle, 0);
  context->use_certificate_chain(boost::asio::buffer(identity.certificate), error);
  if (error) return error;
  context->use_private_key(boost::asio::buffer(identity.key), ssl::context::pem, error);
  if (error || identity.client_ca.empty()) return error;
  context->add_certificate_authority(boost::asio::buffer(identity.client_ca), error);
  if (error) return error;
  TellAuthorities(identity.client_ca, handle);
  const bool required = clients == ops::ClientCertificates::kRequired;
  context->set_verify_mode(
      ssl::verify_peer | (required ? ssl::verify_fail_if_no_peer_cert : ssl::verify_none), error);
  return error;
}

}  // namespace

std::shared_ptr<ssl::context> Encryption::Context() {
  const ops::Tls::Numbered current = tls_->Current();
  if (current.number == number_) return context_;
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  number_ = current.number;
  if (const error_code error = Fill(*current.identity, tls_->clients(), context.get())) {
    const std::string problem = error.message();
    ops::Log(ops::LogLevel::kError, "HTTP connections can't be encrypted with the certificate",
             {{"problem", std::string_view(problem)}});
    return context_;  // as before, if there was one
  }
  context_ = std::move(context);
  return context_;
}

access::CertificateNames ShownCertificate(SSL* connection) {
  const access::Certificate certificate(SSL_get1_peer_certificate(connection));
  if (certificate == nullptr || SSL_get_verify_result(connection) != X509_V_OK) return {};
  return access::CertificateNamesOf(*certificate);
}

}  // namespace descent::http
