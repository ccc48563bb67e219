#include "tests/support/certificates.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstddef>
#include <memory>

#include "core/check.h"
#include "server/access/openssl_handles.h"

namespace descent::testing {
namespace {

using access::Bio;
using access::Certificate;
using access::PrivateKey;
using Extension = std::unique_ptr<X509_EXTENSION, access::OpensslFree<X509_EXTENSION_free>>;

PrivateKey NewKey() {
  char curve[] = "P-256";
  return PrivateKey(
      EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve));  // NOLINT(*-vararg): OpenSSL's
}

Issued Write(const Certificate& certificate, const PrivateKey& key) {
  const Bio certificate_text(BIO_new(BIO_s_mem()));
  const Bio key_text(BIO_new(BIO_s_mem()));
  DESCENT_CHECK(PEM_write_bio_X509(certificate_text.get(), certificate.get()) == 1);
  DESCENT_CHECK(PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                         nullptr) == 1);
  return {.certificate = TextOf(certificate_text), .key = TextOf(key_text)};
}

void Add(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  DESCENT_CHECK(extension != nullptr);
  DESCENT_CHECK(X509_add_ext(certificate, extension.get(), -1) == 1);
}

// A certificate that is not signed yet. `issuer` null: by itself.
Certificate Make(const CertificateRequest& request, EVP_PKEY* key, X509* issuer, int number) {
  constexpr long kDay = 24 * 60 * 60;  // NOLINT(google-runtime-int): OpenSSL's
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), number);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), request.days_from * kDay);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), request.days_until * kDay);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(request.common_name.c_str()),
                             -1, -1, 0);
  X509_set_issuer_name(certificate.get(), issuer == nullptr ? name : X509_get_subject_name(issuer));
  return certificate;
}

}  // namespace

struct Authority::Parts {
  PrivateKey key = NewKey();
  Certificate certificate;
  int issued = 1;
};

Authority::Authority(const std::string& common_name) : parts_(std::make_unique<Parts>()) {
  EVP_PKEY* const key = parts_->key.get();
  parts_->certificate = Make({.common_name = common_name}, key, nullptr, 1);
  X509* const certificate = parts_->certificate.get();
  Add(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  Add(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
  Add(certificate, certificate, NID_subject_key_identifier, "hash");
  DESCENT_CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
  own_ = Write(parts_->certificate, parts_->key);
}

Authority::~Authority() = default;

Issued Authority::Issue(const CertificateRequest& request) {
  const PrivateKey key = NewKey();
  X509* const issuer = parts_->certificate.get();
  const Certificate certificate = Make(request, key.get(), issuer, ++parts_->issued);
  Add(certificate.get(), issuer, NID_basic_constraints, "critical,CA:FALSE");
  Add(certificate.get(), issuer, NID_key_usage, "critical,digitalSignature");
  Add(certificate.get(), issuer, NID_ext_key_usage, "serverAuth,clientAuth");
  Add(certificate.get(), issuer, NID_subject_key_identifier, "hash");
  Add(certificate.get(), issuer, NID_authority_key_identifier, "keyid");
  if (!request.alternative_names.empty()) {
    Add(certificate.get(), issuer, NID_subject_alt_name, request.alternative_names);
  }
  DESCENT_CHECK(X509_sign(certificate.get(), parts_->key.get(), EVP_sha256()) > 0);
  return Write(certificate, key);
}

}  // namespace descent::testing
