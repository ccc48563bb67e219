// Text in HTML.

#ifndef SERVER_PAGES_HTML_H_
#define SERVER_PAGES_HTML_H_

#include <string>
#include <string_view>

namespace descent::pages {

// As text or as a quoted attribute's value, whatever it is: what means something to HTML is
// escaped, and what is no UTF-8 or a control character, line breaks and tabs aside, becomes U+FFFD.
std::string Escape(std::string_view text);

// The same, kept from changing the direction of what stands around it.
std::string Isolated(std::string_view text);

}  // namespace descent::pages

#endif  // SERVER_PAGES_HTML_H_
