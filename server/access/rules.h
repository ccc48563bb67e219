// Who may do what: what the access file says.

#ifndef SERVER_ACCESS_RULES_H_
#define SERVER_ACCESS_RULES_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/access/credentials.h"
#include "server/access/digest.h"
#include "server/access/model_pattern.h"
#include "server/access/role.h"
#include "server/services/caller_limits.h"

namespace descent::access {

struct Caller {
  std::string name;  // for people; several entries may have the same
  Role role = Role::kReader;
  // The digest of its token, or a name of its certificate.
  std::variant<Digest, std::string> credential;
  std::optional<std::vector<ModelPattern>> models;  // unset: every model
  // What is different for it in what callers may have at a time; entries of one name share it.
  services::LimitOverrides limits = {};

  bool may_use_every_model() const { return !models.has_value(); }
  bool MayUse(std::string_view model) const;
};

// Immutable, thread-safe. What Find and FindAgain return lives as long as this.
class Rules {
 public:
  Rules() = default;
  // No two have the same credential.
  explicit Rules(std::vector<Caller> callers);
  Rules(const Rules&) = delete;
  Rules& operator=(const Rules&) = delete;
  Rules(Rules&&) = default;
  Rules& operator=(Rules&&) = default;

  // The caller with these credentials; null if they are nobody's. Looking for a token takes a time
  // that does not depend on what it is, nor on which caller's. If a certificate has the names of
  // several callers, it is the first of those.
  const Caller* Find(const Credentials& credentials) const;

  // The caller that has the credential of `known`, which may be of other rules; null if none has.
  const Caller* FindAgain(const Caller& known) const;

  std::size_t size() const { return callers_.size(); }

 private:
  const Caller* FindToken(const Digest& token) const;

  std::vector<Caller> callers_;
  // The callers that have tokens, and their digests side by side.
  std::vector<std::size_t> token_callers_;
  std::vector<Digest> tokens_;
  absl::flat_hash_map<std::string, std::size_t> certificates_;
};

}  // namespace descent::access

#endif  // SERVER_ACCESS_RULES_H_
