// The fuzzer's target over its seeds and a fixed number of their mutations: what runs in every
// build.

#include "tests/fuzz/http_request_fuzzer.h"

#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fuzz/corpus.h"
#include "tests/fuzz/mutate.h"

namespace descent {
namespace {

std::string Input(HttpText kind, const std::string& text) { return static_cast<char>(kind) + text; }

std::vector<std::string> Seeds() {
  return {
      Input(HttpText::kConnection,
            "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a-token\r\n\r\n"),
      Input(HttpText::kConnection,
            "GET /livez HTTP/1.1\r\nHost: x\r\n\r\nHEAD /readyz HTTP/1.1\r\nHost: x\r\n\r\n"),
      Input(HttpText::kConnection,
            "GET /models/a%20b?prefix=c HTTP/1.1\r\nhost: x\r\nAuthorization: Basic "
            "bWU6YS10b2tlbg==\r\nConnection: close\r\n\r\n"),
      Input(
          HttpText::kConnection,
          "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
      Input(HttpText::kConnection,
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc"),
      Input(HttpText::kConnection, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      Input(HttpText::kConnection, "GET /livez HTTP/1.0\n\n"),
      Input(HttpText::kTarget, "/models/a%2Fb?prefix=pri%63&page=2&sort=recent"),
      Input(HttpText::kTarget, "http://example:80/livez?a=b&&c=+%25"),
      Input(HttpText::kTarget,
            "/?a=1&b=2&c=3&d=4&e=5&f=6&g=7&h=8&i=9&j=10&k=11&l=12&m=13&n=14&o=15"),
      Input(HttpText::kAuthorization, "Bearer dsc_Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4"),
      Input(HttpText::kAuthorization, "Basic dXNlcjpwYXNz"),
  };
}

void RunInput(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

TEST(HttpRequestFuzzerTest, TheCorpusIsAnswered) {
  for (const std::string& input : testing::Corpus("http_request")) RunInput(input);
}

TEST(HttpRequestFuzzerTest, MutatedRequestsAreAnswered) {
  constexpr int kMutations = 1000;
  std::mt19937_64 random(20240229);
  for (const std::string& seed : Seeds()) {
    testing::RunMutated(seed, kMutations, &random, RunInput);
  }
}

}  // namespace
}  // namespace descent
