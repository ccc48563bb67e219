// What a CSV file would say of an item of a NumPy array.

#ifndef CLIENT_CLI_ARRAYS_NPY_CELL_H_
#define CLIENT_CLI_ARRAYS_NPY_CELL_H_

#include <string>

#include "client/cli/arrays/npy_header.h"

namespace descent::cli {

// Replaces *cell by the field of an item that begins at `item`. A number is spelled so that it is
// read back to the bit, a float16 or float32 as the float64 that it is; whole numbers in all their
// digits; booleans as 1 and 0; a NaN is a missing cell, and an infinity is `inf`. Texts stand
// without the zeros behind them. False if a text is not of UTF-8 or Unicode, or holds a zero.
bool TakeCell(const NpyField& field, const char* item, std::string* cell);

}  // namespace descent::cli

#endif  // CLIENT_CLI_ARRAYS_NPY_CELL_H_
