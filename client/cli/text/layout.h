// How a file's records are laid out, found out by looking at its beginning: what stands between
// fields, and whether the first record names the columns.

#ifndef CLIENT_CLI_TEXT_LAYOUT_H_
#define CLIENT_CLI_TEXT_LAYOUT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace descent::cli {

// How much of a file is looked at.
inline constexpr size_t kSampleBytes = 256 * 1024;

// The first records of a text as fields, at most a few hundred. Takes anything: a stray quote is a
// character like any other. A record that the sample cuts is left out, unless it is the only one.
std::vector<std::vector<std::string>> SampleRecords(absl::string_view sample, char delimiter);

// A comma, a semicolon, a tab or a pipe: that which cuts the most records into equally many fields,
// at least two; if several do, that whose fields are numbers most. If none does, a space where it
// cuts all records evenly, into numbers too, and else a comma.
char GuessDelimiter(absl::string_view sample);

// Whether the first of the records names the columns. It does not if it has numbers where the
// records below have some as well (save for names that count: 0,1,2 or 1990,1991,1992), if two of
// them are the same number, or if half of its texts stand below it again. It does if all others
// have one field more (see CsvReader::columns).
bool GuessHeader(const std::vector<std::vector<std::string>>& records);

// "a comma", "a tab", ... for a message.
std::string NameOfDelimiter(char delimiter);

}  // namespace descent::cli

#endif  // CLIENT_CLI_TEXT_LAYOUT_H_
