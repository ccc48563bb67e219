#include "client/cli/results/npy_writer.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace descent::cli {
namespace {

// What numpy.load reads without being told that a file is to be trusted.
constexpr size_t kMaxReadable = 10000;

void AppendLittleEndian(uint64_t bits, size_t bytes, std::string* to) {
  for (size_t i = 0; i < bytes; ++i) *to += static_cast<char>(bits >> (8 * i) & 0xFF);
}

// The characters of a text in UTF-8. What is none is U+FFFD.
std::vector<uint32_t> CharactersOf(const std::string& text) {
  constexpr uint32_t kReplacement = 0xFFFD;
  std::vector<uint32_t> characters;
  for (size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    uint32_t character = length == 1 ? first : first & (0xFFU >> (length + 1));
    bool whole = i + length <= text.size() && (first < 0x80 || first >= 0xC2);
    for (size_t j = 1; whole && j < length; ++j) {
      const auto byte = static_cast<unsigned char>(text[i + j]);
      whole = (byte & 0xC0) == 0x80;
      character = character << 6 | (byte & 0x3F);
    }
    characters.push_back(whole ? character : kReplacement);
    i += whole ? length : 1;
  }
  return characters;
}

// As Python has it between quotes.
std::string Literal(const std::string& text) {
  std::string literal = "'";
  for (const char c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      absl::StrAppendFormat(&literal, "\\x%02x", static_cast<unsigned char>(c));
      continue;
    }
    if (c == '\'' || c == '\\') literal += '\\';
    literal += c;
  }
  return literal + "'";
}

}  // namespace

NpyWriter::NpyWriter(const std::vector<std::string>& classes, std::vector<std::string> names,
                     OutputFile* file)
    : names_(std::move(names)), file_(file) {
  for (const std::string& label : classes) {
    label_characters_ = std::max({label_characters_, CharactersOf(label).size(), size_t{1}});
  }
}

std::string NpyWriter::Header(int64_t rows) const {
  std::string type = "'<f8'";
  std::string shape =
      absl::StrCat("(", rows, names_.size() == 1 ? ",)" : absl::StrCat(", ", names_.size(), ")"));
  if (label_characters_ > 0) {
    type = absl::StrCat("[(", Literal(names_.front()), ", '<U", label_characters_, "')");
    for (size_t i = 1; i < names_.size(); ++i) {
      absl::StrAppend(&type, ", (", Literal(names_[i]), ", '<f8')");
    }
    type += "]";
    shape = absl::StrCat("(", rows, ",)");
  }
  std::string header =
      absl::StrCat("{'descr': ", type, ", 'fortran_order': False, 'shape': ", shape, ", }");
  const bool ascii = std::all_of(header.begin(), header.end(), [](char c) {
    return absl::ascii_isascii(static_cast<unsigned char>(c));
  });
  const bool first_version = ascii && header.size() < kMaxReadable;
  const size_t start = first_version ? 10 : 12;
  // Room for the largest number of rows, so that the header keeps its length; and the data begin
  // at a multiple of 64.
  constexpr size_t kLongestCount = std::numeric_limits<int64_t>::digits10 + 1;
  const size_t spare = kLongestCount - std::min(kLongestCount, absl::StrCat(rows).size());
  const size_t whole = (start + header.size() + spare + 1 + 63) / 64 * 64;
  header.resize(whole - start - 1, ' ');
  header += '\n';
  std::string bytes = "\x93NUMPY";
  bytes += first_version ? '\x01' : '\x03';
  bytes += '\0';
  AppendLittleEndian(header.size(), first_version ? 2 : 4, &bytes);
  return bytes + header;
}

bool NpyWriter::is_readable() const { return Header(0).size() <= kMaxReadable; }

absl::Status NpyWriter::Begin() { return file_->Append(Header(0)); }

absl::Status NpyWriter::Add(const std::string& label, absl::Span<const double> values) {
  ++rows_;
  std::string row;
  if (label_characters_ > 0) {
    std::vector<uint32_t> characters = CharactersOf(label);
    characters.resize(label_characters_);
    for (const uint32_t character : characters) AppendLittleEndian(character, 4, &row);
  }
  for (const double value : values) {
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(bits));
    AppendLittleEndian(bits, sizeof(bits), &row);
  }
  return file_->Append(row);
}

absl::Status NpyWriter::End() { return file_->Overwrite(Header(rows_)); }

}  // namespace descent::cli
