#include "server/access/model_pattern.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace descent::access {
namespace {

bool MayBeInPattern(char c) {
  return absl::ascii_islower(static_cast<unsigned char>(c)) ||
         absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-' ||
         c == '*';
}

}  // namespace

std::optional<ModelPattern> ModelPattern::Parse(std::string_view text) {
  if (text.empty() || text.size() > kMostCharacters ||
      !std::all_of(text.begin(), text.end(), MayBeInPattern)) {
    return std::nullopt;
  }
  return ModelPattern(std::string(text));
}

// Only the last star ever has to take more: what those before it took is as short as can be. So
// the time is bounded by the product of both lengths.
bool ModelPattern::Matches(std::string_view name) const {
  std::size_t at = 0;                               // in the pattern
  std::size_t after_star = std::string_view::npos;  // behind the last star
  std::size_t star_ends = 0;                        // in the name, what that star has taken so far
  for (std::size_t i = 0; i < name.size();) {
    if (at < text_.size() && text_[at] == '*') {
      after_star = ++at;
      star_ends = i;
    } else if (at < text_.size() && text_[at] == name[i]) {
      ++at;
      ++i;
    } else if (after_star != std::string_view::npos) {
      at = after_star;
      i = ++star_ends;
    } else {
      return false;
    }
  }
  return text_.find_first_not_of('*', at) == std::string::npos;
}

}  // namespace descent::access
