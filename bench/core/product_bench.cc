// Times the engine's matrix product on every shape that a step of the reference networks makes, and
// prints one JSON object a line:
//
//   {"kind": "product", "network": "13-64-1", "form": "forward", "m": 32, "n": 64, "k": 13,
//    "us": …, "gflops": …}
//
// after {"kind": "ceiling", …} for the 1024^3 product. How time is taken: bench/core/timing.h.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <tuple>
#include <vector>

#include "bench/core/reference_networks.h"
#include "bench/core/timing.h"

namespace descent::bench {
namespace {

double BestSeconds(BareProduct& product, int rounds) {
  return BestOfRounds({{Clock::kThreadCpu, [&] { product.Run(); }}}, rounds)[0];
}

void PrintProducts(int rounds, const char* only) {
  constexpr int kSize = 1024;
  BareProduct square(BareProduct::Form::kForward, kSize, kSize, kSize);
  std::printf("{\"kind\": \"ceiling\", \"gflops\": %.1f}\n",
              square.operations() / BestSeconds(square, rounds) * 1e-9);
  for (const Reference& reference : References()) {
    if (only != nullptr && std::strcmp(only, reference.name) != 0) continue;
    std::set<std::tuple<std::string_view, std::int64_t, std::int64_t, std::int64_t>> seen;
    for (BareProduct& product : ProductsOf(reference)) {
      const auto& x = product.operands();
      if (!seen.emplace(product.form_name(), x.m, x.n, x.k).second) continue;
      const double seconds = BestSeconds(product, rounds);
      std::printf(
          "{\"kind\": \"product\", \"network\": \"%s\", \"form\": \"%s\", \"m\": %lld, "
          "\"n\": %lld, \"k\": %lld, \"us\": %.3f, \"gflops\": %.1f}\n",
          reference.name, product.form_name().data(), static_cast<long long>(x.m),
          static_cast<long long>(x.n), static_cast<long long>(x.k), seconds * 1e6,
          product.operations() / seconds * 1e-9);
      std::fflush(stdout);
    }
  }
}

}  // namespace
}  // namespace descent::bench

// Usage: product_bench [ROUNDS [NETWORK]], 30 rounds and all networks unless given.
int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 30;
  descent::bench::PrintProducts(rounds, argc > 2 ? argv[2] : nullptr);
  return 0;
}
