// What OpenSSL has made, given back when it goes.

#ifndef SERVER_ACCESS_OPENSSL_HANDLES_H_
#define SERVER_ACCESS_OPENSSL_HANDLES_H_

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstddef>
#include <memory>
#include <string>

namespace descent::access {

template <auto kFree>
struct OpensslFree {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using Bio = std::unique_ptr<BIO, OpensslFree<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, OpensslFree<X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;

// What was written to one in memory.
inline std::string TextOf(const Bio& bio) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);  // NOLINT(google-runtime-int): OpenSSL's
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace descent::access

#endif  // SERVER_ACCESS_OPENSSL_HANDLES_H_
