// What takes Abseil's view of a text, given the standard library's. They are one type where Abseil
// is built as C++17 or later, and two in Debian 12.

#ifndef CORE_TEXT_VIEW_H_
#define CORE_TEXT_VIEW_H_

#include <string_view>

#include "absl/strings/string_view.h"

namespace descent {

inline absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace descent

#endif  // CORE_TEXT_VIEW_H_
