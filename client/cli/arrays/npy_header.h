// What stands before the data of a NumPy array in a file, versions 1.0, 2.0 and 3.0:
//
//   "\x93NUMPY", major and minor version (a byte each), the length of what follows (little endian,
//   2 bytes in version 1, 4 later), and as a Python literal
//   {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
//
// See numpy.lib.format. Read are arrays of one or two dimensions whose items are numbers, booleans
// or texts, or one dimension of records that have such fields.

#ifndef CLIENT_CLI_ARRAYS_NPY_HEADER_H_
#define CLIENT_CLI_ARRAYS_NPY_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/arrays/byte_stream.h"

namespace descent::cli {

enum class NpyKind { kBool, kSigned, kUnsigned, kFloat, kBytes, kText };

struct NpyField {
  std::string name;  // empty if the items are no records
  NpyKind kind = NpyKind::kFloat;
  size_t bytes = 0;   // of a number 1, 2, 4 or 8, of a text all of it, 4 a character
  size_t offset = 0;  // in the item
  bool big_endian = false;
};

struct NpyHeader {
  std::vector<NpyField> fields;  // of an item, at least one
  bool records = false;          // whether they have names
  size_t item_bytes = 0;         // with what stands between fields
  bool fortran_order = false;    // columns one after the other
  int64_t rows = 0;
  int64_t columns = 0;  // items in a row, at least one; 1 in one dimension
  size_t bytes = 0;     // where in the file the data begin

  size_t row_bytes() const { return item_bytes * static_cast<size_t>(columns); }
};

// Reads to where the data begin. A data error about `name` that says what is not read, if the
// array is none of those above, or a row of it is longer than 64 MiB.
absl::StatusOr<NpyHeader> ReadNpyHeader(const std::string& name, ByteStream* stream);

}  // namespace descent::cli

#endif  // CLIENT_CLI_ARRAYS_NPY_HEADER_H_
