// From other charsets to UTF-8, piece by piece.

#ifndef CLIENT_CLI_TEXT_CHARSET_H_
#define CLIENT_CLI_TEXT_CHARSET_H_

#include <iconv.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace descent::cli {

class CharsetDecoder {
 public:
  // A usage error if iconv does not know the charset.
  static absl::StatusOr<std::unique_ptr<CharsetDecoder>> Create(const std::string& charset);
  ~CharsetDecoder();
  CharsetDecoder(const CharsetDecoder&) = delete;
  CharsetDecoder& operator=(const CharsetDecoder&) = delete;

  // Appends to *text what the bytes say. A character may be cut by the end of a piece and go on in
  // the next; `last` says that there is none. A data error naming `name` and the line for what is
  // not of the charset.
  absl::Status Decode(absl::string_view bytes, bool last, const std::string& name,
                      std::string* text);

 private:
  CharsetDecoder(iconv_t converter, std::string charset);

  iconv_t converter_;
  const std::string charset_;
  std::string cut_;  // the bytes of a character that the last piece began
  int64_t line_ = 1;
};

// "UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE" or "" for how a file begins: by its byte order
// mark, or by the zeros of a text whose letters are mostly Latin.
std::string WideCharset(absl::string_view beginning);

// Where the first byte stands that is not of UTF-8; npos if there is none.
size_t FirstNotUtf8(absl::string_view text);

}  // namespace descent::cli

#endif  // CLIENT_CLI_TEXT_CHARSET_H_
