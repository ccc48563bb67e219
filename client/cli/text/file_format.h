// What kind of a table a file is, as far as its first bytes tell.

#ifndef CLIENT_CLI_TEXT_FILE_FORMAT_H_
#define CLIENT_CLI_TEXT_FILE_FORMAT_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace descent::cli {

enum class FileFormat {
  kCsv,        // records of fields, whatever stands between them
  kJsonLines,  // one JSON object a line
  kNpy,        // a NumPy array
  kNpz,        // several of them in a ZIP archive
};

// "csv", "jsonl", "npy", "npz": what --format calls them.
std::vector<std::string> FormatNames();
std::optional<FileFormat> FormatOf(absl::string_view name);
// "CSV", "JSON lines", "NumPy's npy".
absl::string_view TitleOf(FileFormat format);

// Whether a file's content is text, in some charset.
bool IsText(FileFormat format);

// The format that is no text and that files begin with so; none if there is no such.
std::optional<FileFormat> BinaryFormatOf(absl::string_view bytes);
// How many first bytes it takes to tell, given those that are there; a few for most files.
size_t BytesToTell(absl::string_view bytes);

// A data error that names the format, and what turns the file into one that is read, if the bytes
// begin a file of a format that is not: an archive, a spreadsheet, Parquet, a picture. `name` is
// the file's.
absl::Status CheckReadable(const std::string& name, absl::string_view bytes);

// Whether a text looks like JSON lines. A CSV file may begin with nearly anything, so more than one
// sign is needed.
bool LooksLikeJsonLines(absl::string_view text);

// A data error if a text is of a kind that is not read: JSON that is no lines of objects, HTML,
// ARFF.
absl::Status CheckCsvText(const std::string& name, absl::string_view text);

}  // namespace descent::cli

#endif  // CLIENT_CLI_TEXT_FILE_FORMAT_H_
