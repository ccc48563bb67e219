// Random changes to a fuzzer's input.

#ifndef TESTS_FUZZ_MUTATE_H_
#define TESTS_FUZZ_MUTATE_H_

#include <cstddef>
#include <random>
#include <string>

namespace descent::testing {

// Changes, inserts, removes or repeats a few bytes behind the first, which says what the rest is.
inline void Mutate(std::mt19937_64* random, std::string* input) {
  const auto below = [&](std::size_t limit) {
    return static_cast<std::size_t>((*random)() % limit);
  };
  for (std::size_t times = 1 + below(4); times > 0; --times) {
    if (input->size() < 2) return;
    const std::size_t place = 1 + below(input->size() - 1);
    const auto byte = static_cast<char>((*random)());
    switch (below(5)) {
      case 0:
        (*input)[place] = byte;
        break;
      case 1:
        (*input)[place] = static_cast<char>((*input)[place] ^ (1 << below(8)));
        break;
      case 2:
        input->insert(place, 1, byte);
        break;
      case 3:
        input->erase(place, 1 + below(8));
        break;
      default:
        input->insert(place, input->substr(place, 1 + below(16)));
        break;
    }
  }
}

// Hands the seed and so many mutations of it to `run`. They pile up for a while, then start anew.
template <typename Run>
void RunMutated(const std::string& seed, int mutations, std::mt19937_64* random, Run run) {
  run(seed);
  std::string input = seed;
  for (int m = 0; m < mutations; ++m) {
    if (m % 8 == 0) input = seed;
    Mutate(random, &input);
    run(input);
  }
}

}  // namespace descent::testing

#endif  // TESTS_FUZZ_MUTATE_H_
