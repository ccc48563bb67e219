// An authority of certificates for tests, and what it issues.

#ifndef TESTS_SUPPORT_CERTIFICATES_H_
#define TESTS_SUPPORT_CERTIFICATES_H_

#include <memory>
#include <string>

namespace descent::testing {

// In PEM.
struct Issued {
  std::string certificate;
  std::string key;
};

struct CertificateRequest {
  std::string common_name = "localhost";
  // As OpenSSL writes them: "DNS:localhost,IP:127.0.0.1,URI:spiffe://example/pricing".
  std::string alternative_names = "DNS:localhost,IP:127.0.0.1";
  int days_from = -1;  // good from then on
  int days_until = 1;
};

// Certificates are as RFC 5280 wants them, which strict clients take alone.
class Authority {
 public:
  explicit Authority(const std::string& common_name);
  ~Authority();

  // Its own, which those who believe it are told.
  const std::string& certificate() const { return own_.certificate; }

  Issued Issue(const CertificateRequest& request = {});

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
  Issued own_;
};

}  // namespace descent::testing

#endif  // TESTS_SUPPORT_CERTIFICATES_H_
