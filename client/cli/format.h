// Numbers for people to read. Machines get them from --json, in full.

#ifndef CLIENT_CLI_FORMAT_H_
#define CLIENT_CLI_FORMAT_H_

#include <cstdint>
#include <string>

namespace descent::cli {

// "16,512".
std::string FormatCount(int64_t count);

// At least four significant digits, all of those before the point, in groups of three:
// "52,341", "183.2", "0.7891", "1.234e-07".
std::string FormatNumber(double value);

// With so many digits after the point, grouped: "100,000.0".
std::string FormatFixed(double value, int decimals);

// "950 bytes", "16.51 kB", "1.234 GB": powers of 1000, as disks are sold.
std::string FormatBytes(int64_t bytes);

}  // namespace descent::cli

#endif  // CLIENT_CLI_FORMAT_H_
