#include "server/access/certificate_names.h"

#include <arpa/inet.h>
#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/server_context.h>
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/access/openssl_handles.h"

namespace descent::access {
namespace {

// What a certificate says of its owner, as gRPC tells it.
struct Owner {
  std::vector<std::string> alternative_names;
  std::string subject;
  std::string common_name;
};

CertificateNames NamesOf(Owner owner) {
  CertificateNames certificate;
  for (std::string& name : owner.alternative_names) {
    if (!IsSubject(name)) certificate.names.push_back(std::move(name));
  }
  if (!owner.subject.empty()) certificate.names.push_back(std::move(owner.subject));
  if (!owner.common_name.empty()) {
    certificate.names.push_back(absl::StrCat("CN=", owner.common_name));
  }
  return certificate;
}

void FreeText(unsigned char* text) { OPENSSL_free(text); }

// Of the kinds of text that certificates have, in UTF-8; empty if it is none.
std::string TextOf(const ASN1_STRING* text) {
  unsigned char* bytes = nullptr;
  const int size = ASN1_STRING_to_UTF8(&bytes, text);
  if (size < 0) return "";
  const std::unique_ptr<unsigned char, OpensslFree<FreeText>> owned(bytes);
  return {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

std::string AddressOf(const ASN1_OCTET_STRING* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int size = ASN1_STRING_length(address);
  const int family = size == 4 ? AF_INET : AF_INET6;
  if (size != 4 && size != 16) return "";
  const unsigned char* const bytes = ASN1_STRING_get0_data(address);
  return inet_ntop(family, bytes, text.data(), text.size()) == nullptr ? "" : text.data();
}

std::string TextOf(const GENERAL_NAME& name) {
  switch (name.type) {
    case GEN_DNS:
      return TextOf(name.d.dNSName);
    case GEN_EMAIL:
      return TextOf(name.d.rfc822Name);
    case GEN_URI:
      return TextOf(name.d.uniformResourceIdentifier);
    case GEN_IPADD:
      return AddressOf(name.d.iPAddress);
    default:
      return "";
  }
}

std::vector<std::string> AlternativeNamesOf(const X509& certificate) {
  const std::unique_ptr<GENERAL_NAMES, OpensslFree<GENERAL_NAMES_free>> names(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::vector<std::string> texts;
  const int count = names == nullptr ? 0 : sk_GENERAL_NAME_num(names.get());
  for (int i = 0; i < count; ++i) {
    std::string text = TextOf(*sk_GENERAL_NAME_value(names.get(), i));
    if (!text.empty()) texts.push_back(std::move(text));
  }
  return texts;
}

std::string SubjectOf(const X509_NAME* subject) {
  const Bio bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), subject, 0, XN_FLAG_RFC2253);
  return TextOf(bio);
}

std::string CommonNameOf(const X509_NAME* subject) {
  const int place = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (place < 0) return "";
  return TextOf(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, place)));
}

std::vector<std::string> ValuesOf(const grpc::AuthContext& peer, const char* property) {
  std::vector<std::string> values;
  for (const grpc::string_ref& value : peer.FindPropertyValues(property)) {
    values.emplace_back(value.data(), value.size());
  }
  return values;
}

std::string FirstOf(std::vector<std::string> values) {
  return values.empty() ? "" : std::move(values.front());
}

}  // namespace

bool IsSubject(std::string_view name) {
  const std::size_t equals = name.find('=');
  if (equals == std::string_view::npos || equals == 0) return false;
  // An attribute's type is a word or an object identifier; a URI has a colon first.
  return std::all_of(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(equals), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.';
  });
}

CertificateNames CertificateNamesOf(const grpc::ServerContextBase& context) {
  const std::shared_ptr<const grpc::AuthContext> peer = context.auth_context();
  if (peer == nullptr || !peer->IsPeerAuthenticated()) return {};
  return NamesOf({.alternative_names = ValuesOf(*peer, GRPC_X509_SAN_PROPERTY_NAME),
                  .subject = FirstOf(ValuesOf(*peer, GRPC_X509_SUBJECT_PROPERTY_NAME)),
                  .common_name = FirstOf(ValuesOf(*peer, GRPC_X509_CN_PROPERTY_NAME))});
}

CertificateNames CertificateNamesOf(const X509& certificate) {
  const X509_NAME* const subject = X509_get_subject_name(&certificate);
  return NamesOf({.alternative_names = AlternativeNamesOf(certificate),
                  .subject = SubjectOf(subject),
                  .common_name = CommonNameOf(subject)});
}

}  // namespace descent::access
