// Networks and optimizers in words.

#ifndef SERVER_PAGES_WORDS_H_
#define SERVER_PAGES_WORDS_H_

#include <string>

#include "core/spec.h"

namespace descent::pages {

// "8 inputs → dense 64 relu → dropout (rate 0.1) → dense 1": parameters that have their defaults
// are left out. Of more than a hundred layers, the first and how many there are.
std::string NetworkInWords(const NetworkSpec& network);

// "huber (delta 2)".
std::string LossInWords(const LossSpec& loss);

// "adam (beta1 0.8), learning rate 0.001, cosine (period 1000), norm clipped at 1".
std::string OptimizerInWords(const OptimizerSpec& optimizer);

}  // namespace descent::pages

#endif  // SERVER_PAGES_WORDS_H_
