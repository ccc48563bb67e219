#include "server/access/rules.h"

#include <algorithm>
#include <utility>

namespace descent::access {

bool Caller::MayUse(std::string_view model) const {
  return !models.has_value() ||
         std::any_of(models->begin(), models->end(),
                     [model](const ModelPattern& pattern) { return pattern.Matches(model); });
}

Rules::Rules(std::vector<Caller> callers) : callers_(std::move(callers)) {
  for (std::size_t i = 0; i < callers_.size(); ++i) {
    if (const auto* digest = std::get_if<Digest>(&callers_[i].credential)) {
      token_callers_.push_back(i);
      tokens_.push_back(*digest);
    } else {
      certificates_.emplace(std::get<std::string>(callers_[i].credential), i);
    }
  }
}

// All are compared, whichever it is, and nothing is decided before the last.
const Caller* Rules::FindToken(const Digest& token) const {
  std::size_t found = 0;  // one more than its place
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const std::size_t all_bits_if_same = std::size_t{0} - SameDigest(tokens_[i], token);
    found |= all_bits_if_same & (i + 1);
  }
  return found == 0 ? nullptr : &callers_[token_callers_[found - 1]];
}

const Caller* Rules::Find(const Credentials& credentials) const {
  if (const auto* token = std::get_if<Digest>(&credentials)) return FindToken(*token);
  const auto* certificate = std::get_if<CertificateNames>(&credentials);
  if (certificate == nullptr) return nullptr;
  std::size_t first = callers_.size();
  for (const std::string& name : certificate->names) {
    const auto found = certificates_.find(name);
    if (found != certificates_.end()) first = std::min(first, found->second);
  }
  return first == callers_.size() ? nullptr : &callers_[first];
}

const Caller* Rules::FindAgain(const Caller& known) const {
  if (const auto* token = std::get_if<Digest>(&known.credential)) return FindToken(*token);
  return Find(CertificateNames{{std::get<std::string>(known.credential)}});
}

}  // namespace descent::access
