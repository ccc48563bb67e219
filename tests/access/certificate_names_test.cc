#include "server/access/certificate_names.h"

#include "gtest/gtest.h"

namespace descent::access {
namespace {

TEST(CertificateNamesTest, TellsSubjectsFromSans) {
  for (const char* subject : {"CN=pricing", "CN=pricing,O=Example", "O=x", "2.5.4.3=pricing"}) {
    EXPECT_TRUE(IsSubject(subject)) << subject;
  }
  for (const char* san : {"spiffe://example/pricing", "spiffe://example/a?b=c", "pricing.example",
                          "*.pricing.example", "10.0.0.1", "a@example", "=x", ""}) {
    EXPECT_FALSE(IsSubject(san)) << san;
  }
}

}  // namespace
}  // namespace descent::access
