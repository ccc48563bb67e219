#include "server/access/certificate_names.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/server_context.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace descent::access {

bool IsSubject(std::string_view name) {
  const std::size_t equals = name.find('=');
  if (equals == std::string_view::npos || equals == 0) return false;
  // An attribute's type is a word or an object identifier; a URI has a colon first.
  return std::all_of(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(equals), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.';
  });
}

CertificateNames CertificateNamesOf(const grpc::ServerContextBase& context) {
  CertificateNames certificate;
  const std::shared_ptr<const grpc::AuthContext> peer = context.auth_context();
  if (peer == nullptr || !peer->IsPeerAuthenticated()) return certificate;
  for (const grpc::string_ref& san : peer->FindPropertyValues(GRPC_X509_SAN_PROPERTY_NAME)) {
    std::string name(san.data(), san.size());
    if (!IsSubject(name)) certificate.names.push_back(std::move(name));
  }
  for (const grpc::string_ref& subject :
       peer->FindPropertyValues(GRPC_X509_SUBJECT_PROPERTY_NAME)) {
    certificate.names.emplace_back(subject.data(), subject.size());
  }
  for (const grpc::string_ref& name : peer->FindPropertyValues(GRPC_X509_CN_PROPERTY_NAME)) {
    certificate.names.push_back(absl::StrCat("CN=", std::string(name.data(), name.size())));
  }
  return certificate;
}

}  // namespace descent::access
