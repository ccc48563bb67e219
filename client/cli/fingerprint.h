// Tells whether two files hold the same rows, in whatever order.

#ifndef CLIENT_CLI_FINGERPRINT_H_
#define CLIENT_CLI_FINGERPRINT_H_

#include <cstdint>

#include "client/cli/encoding.h"

namespace descent::cli {

// Of the encoded rows of one or more data sets of the same encoding, with their targets. Not a
// secret: rows can be made up that have another's.
RowsFingerprint FingerprintOf(const Dataset& dataset);

// Of both together.
RowsFingerprint operator+(const RowsFingerprint& a, const RowsFingerprint& b);

}  // namespace descent::cli

#endif  // CLIENT_CLI_FINGERPRINT_H_
