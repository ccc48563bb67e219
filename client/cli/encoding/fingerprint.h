// Tells whether two files hold the same rows, in whatever order.

#ifndef CLIENT_CLI_ENCODING_FINGERPRINT_H_
#define CLIENT_CLI_ENCODING_FINGERPRINT_H_

#include <cstdint>
#include <vector>

#include "client/cli/encoding/encoding.h"

namespace descent::cli {

// Of the encoded rows of one or more data sets of the same encoding, with their targets. Not a
// secret: rows can be made up that have another's.
RowsFingerprint FingerprintOf(const Dataset& dataset);

// Of both together.
RowsFingerprint operator+(const RowsFingerprint& a, const RowsFingerprint& b);

// Adds a file's rows to what a model has been trained on, of which the latest are kept. False if it
// is known already.
bool Remember(const RowsFingerprint& rows, std::vector<RowsFingerprint>* trained_on);

}  // namespace descent::cli

#endif  // CLIENT_CLI_ENCODING_FINGERPRINT_H_
