// What every page has: its frame, its style, and that it keeps itself up to date.

#ifndef SERVER_PAGES_LAYOUT_H_
#define SERVER_PAGES_LAYOUT_H_

#include <string>
#include <string_view>

#include "server/http/route.h"

namespace descent::pages {

// A page with that title and content, which is HTML. What changes while somebody looks is in
// sections with an id and the class "live": every five seconds a small script takes them from the
// page as it is then, so that nothing jumps; without scripts the browser loads the page again every
// ten.
http::Answer Page(std::string_view title, std::string_view content);

// A name and its value, in a list of those: `value` is HTML.
std::string Fact(std::string_view name, std::string_view value);

}  // namespace descent::pages

#endif  // SERVER_PAGES_LAYOUT_H_
