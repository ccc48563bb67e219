// Numbers for people to read. Machines get them from --json, in full.

#ifndef CLIENT_CLI_FORMAT_H_
#define CLIENT_CLI_FORMAT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace descent::cli {

// "16,512".
std::string FormatCount(int64_t count);

// At least four significant digits, all of those before the point, in groups of three:
// "52,341", "183.2", "0.7891", "1.234e-07".
std::string FormatNumber(double value);

// With so many digits after the point, grouped: "100,000.0".
std::string FormatFixed(double value, int decimals);

// "950 bytes", "16.5 kB", "1.23 GB": three digits, powers of 1000, as disks are sold.
std::string FormatBytes(int64_t bytes);

// A text from a file as it may stand in a message: at most 40 bytes of it, and no line breaks or
// other control characters.
std::string Shortened(absl::string_view text);

// "a, b, c", or of more than five "a, b, c, d, e, ... (900)"; each of them shortened.
std::string SomeOf(const std::vector<std::string>& texts);

}  // namespace descent::cli

#endif  // CLIENT_CLI_FORMAT_H_
