#include "server/ops/tls_files.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <cerrno>
#include <ctime>
#include <fstream>
#include <iterator>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/status_macros.h"
#include "server/access/openssl_handles.h"

namespace descent::ops {
namespace {

using access::Bio;
using access::Certificate;
using access::PrivateKey;

// One of the files, as its option names it.
struct Named {
  absl::string_view option;
  const std::string& path;
};

absl::Status Wrong(const Named& file, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(file.option, ": ", file.path, ": ", what));
}

absl::StatusOr<std::string> Read(const Named& file) {
  constexpr std::size_t kMost = std::size_t{1} << 20;
  errno = 0;
  std::ifstream input(file.path, std::ios::binary);
  std::string text(kMost + 1, '\0');
  input.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(input.gcount()));
  if (!input.eof() && text.size() <= kMost) {
    return Wrong(file, errno != 0 ? std::generic_category().message(errno) : "can't be read");
  }
  if (text.size() > kMost) return Wrong(file, "holds more than a MiB");
  return text;
}

Bio BioOf(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// The certificates of a file, at least one.
absl::StatusOr<std::vector<Certificate>> ReadCertificates(const Named& file,
                                                          const std::string& text) {
  const Bio bio = BioOf(text);
  std::vector<Certificate> certificates;
  ERR_clear_error();
  while (Certificate next{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    certificates.push_back(std::move(next));
  }
  // Nothing more that begins is the end of the file; all else is damage.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_end) {
    return Wrong(file, absl::StrCat("certificate ", certificates.size() + 1, " can't be read"));
  }
  if (certificates.empty()) {
    return Wrong(file, "expected certificates in PEM (-----BEGIN CERTIFICATE-----), found none");
  }
  return certificates;
}

// A key that asks for a password is not read: there is nobody to ask.
int NoPassword(char* /*buffer*/, int /*size*/, int /*writing*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

absl::StatusOr<PrivateKey> ReadKey(const Named& file, const std::string& text) {
  const Bio bio = BioOf(text);
  bool encrypted = false;
  ERR_clear_error();
  PrivateKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, &encrypted));
  ERR_clear_error();
  if (encrypted) return Wrong(file, "the key is encrypted; expected one without a password");
  if (key == nullptr) {
    return Wrong(file, "expected a private key in PEM (-----BEGIN PRIVATE KEY-----), found none");
  }
  return key;
}

std::string SubjectOf(const X509& certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(&certificate), 0, XN_FLAG_RFC2253);
  return TextOf(bio);
}

std::int64_t EndOf(const X509& certificate) {
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &end) != 1) return 0;
  return timegm(&end);
}

}  // namespace

absl::StatusOr<TlsIdentity> ReadTlsFiles(const TlsFiles& files) {
  const Named certificate{"--tls-certificate", files.certificate};
  const Named key{"--tls-key", files.key};
  const Named client_ca{"--tls-client-ca", files.client_ca};

  TlsIdentity identity;
  ASSIGN_OR_RETURN(identity.certificate, Read(certificate));
  ASSIGN_OR_RETURN(const std::vector<Certificate> chain,
                   ReadCertificates(certificate, identity.certificate));
  ASSIGN_OR_RETURN(identity.key, Read(key));
  ASSIGN_OR_RETURN(const PrivateKey private_key, ReadKey(key, identity.key));
  const bool fits = X509_check_private_key(chain.front().get(), private_key.get()) == 1;
  ERR_clear_error();
  if (!fits) {
    return Wrong(key,
                 absl::StrCat("it is not the key of the first certificate in ", files.certificate));
  }
  if (!files.client_ca.empty()) {
    ASSIGN_OR_RETURN(identity.client_ca, Read(client_ca));
    RETURN_IF_ERROR(ReadCertificates(client_ca, identity.client_ca).status());
  }
  identity.subject = SubjectOf(*chain.front());
  identity.not_after = EndOf(*chain.front());
  return identity;
}

std::string TlsFilesVersion(const TlsFiles& files) {
  std::string version;
  for (const std::string* path : {&files.certificate, &files.key, &files.client_ca}) {
    struct stat found {};
    if (path->empty() || stat(path->c_str(), &found) != 0) {
      version += "- ";
      continue;
    }
    absl::StrAppend(&version, found.st_dev, ":", found.st_ino, ":", found.st_size, ":",
                    found.st_mtim.tv_sec, ".", found.st_mtim.tv_nsec, ":", found.st_ctim.tv_sec,
                    ".", found.st_ctim.tv_nsec, " ");
  }
  return version;
}

}  // namespace descent::ops
