// Patterns of models' names.

#ifndef SERVER_ACCESS_MODEL_PATTERN_H_
#define SERVER_ACCESS_MODEL_PATTERN_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace descent::access {

// The name of one model, or of many: `*` stands for any characters, none among them.
class ModelPattern {
 public:
  static constexpr std::size_t kMostCharacters = 63;  // as many as a name has

  // Empty unless it has 1 to 63 of a-z, 0-9, '.', '_', '-' and '*'.
  static std::optional<ModelPattern> Parse(std::string_view text);

  bool Matches(std::string_view name) const;

 private:
  explicit ModelPattern(std::string text) : text_(std::move(text)) {}

  std::string text_;
};

}  // namespace descent::access

#endif  // SERVER_ACCESS_MODEL_PATTERN_H_
