#include "server/pages/html.h"

#include <array>
#include <cstddef>

#include "absl/strings/str_cat.h"

namespace descent::pages {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

// How many bytes of UTF-8 the text begins with make one character; 0: they are none.
std::size_t CharacterSize(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  struct Form {
    unsigned char first, last;  // of the first byte
    unsigned char second_from, second_to;
    std::size_t size;
  };
  // Unicode's table of well-formed sequences.
  static constexpr std::array<Form, 9> kForms = {{{0x00, 0x7f, 0, 0, 1},
                                                  {0xc2, 0xdf, 0x80, 0xbf, 2},
                                                  {0xe0, 0xe0, 0xa0, 0xbf, 3},
                                                  {0xe1, 0xec, 0x80, 0xbf, 3},
                                                  {0xed, 0xed, 0x80, 0x9f, 3},
                                                  {0xee, 0xef, 0x80, 0xbf, 3},
                                                  {0xf0, 0xf0, 0x90, 0xbf, 4},
                                                  {0xf1, 0xf3, 0x80, 0xbf, 4},
                                                  {0xf4, 0xf4, 0x80, 0x8f, 4}}};
  for (const Form& form : kForms) {
    if (byte(0) < form.first || byte(0) > form.last) continue;
    if (text.size() < form.size) return 0;
    if (form.size > 1 && (byte(1) < form.second_from || byte(1) > form.second_to)) return 0;
    for (std::size_t i = 2; i < form.size; ++i) {
      if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
    }
    return form.size;
  }
  return 0;
}

bool IsShown(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first >= 0x20 ? first != 0x7f : first == '\n' || first == '\t';
  return first != 0xc2 || static_cast<unsigned char>(character[1]) >= 0xa0;
}

}  // namespace

std::string Escape(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  while (!text.empty()) {
    const std::size_t size = CharacterSize(text);
    const std::string_view character = text.substr(0, size == 0 ? 1 : size);
    text.remove_prefix(character.size());
    if (size == 0 || !IsShown(character)) {
      escaped += kReplacement;
    } else if (character == "&") {
      escaped += "&amp;";
    } else if (character == "<") {
      escaped += "&lt;";
    } else if (character == ">") {
      escaped += "&gt;";
    } else if (character == "\"") {
      escaped += "&quot;";
    } else if (character == "'") {
      escaped += "&#39;";
    } else {
      escaped += character;
    }
  }
  return escaped;
}

std::string Isolated(std::string_view text) {
  return absl::StrCat("<bdi>", Escape(text), "</bdi>");
}

}  // namespace descent::pages
