#include "client/cli/text/file_format.h"

#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/cli/failure.h"

namespace descent::cli {
namespace {

constexpr size_t kLongestMagic = 264;  // tar's stands far behind
constexpr size_t kTarMagicAt = 257;

constexpr absl::string_view kZipMember = "PK\x03\x04";
constexpr absl::string_view kEmptyZip = "PK\x05\x06";
constexpr size_t kZipNameLengthAt = 26;
constexpr size_t kZipNameAt = 30;

struct Magic {
  absl::string_view bytes;  // with which files of the format begin
  absl::string_view name;
  absl::string_view advice;
};

constexpr absl::string_view kUnpack = "unpack it, or pipe it in";
constexpr absl::string_view kExport = "save the table as CSV";
constexpr absl::string_view kPickle =
    "python3 -c \"import pandas; pandas.read_pickle('FILE').to_csv('FILE.csv', index=False)\", if "
    "you trust it";

constexpr std::array kMagics = {
    Magic{"BZh", "compressed by bzip2", "bzip2 -dc FILE | descent ... --csv -"},
    Magic{"\xFD"
          "7zXZ",
          "compressed by xz", "xz -dc FILE | descent ... --csv -"},
    Magic{"\x04\x22\x4D\x18", "compressed by lz4", "lz4 -dc FILE | descent ... --csv -"},
    Magic{"7z\xBC\xAF\x27\x1C", "a 7z archive", kUnpack},
    Magic{"Rar!", "a RAR archive", kUnpack},
    Magic{"PK\x03\x04", "a ZIP archive, or a spreadsheet such as .xlsx or .ods",
          "unpack it, or save the spreadsheet as CSV"},
    Magic{"\xD0\xCF\x11\xE0", "an old Excel spreadsheet", kExport},
    Magic{"PAR1", "a Parquet file",
          "python3 -c \"import pandas; pandas.read_parquet('FILE').to_csv('FILE.csv', "
          "index=False)\", or duckdb -c \"COPY 'FILE' TO 'FILE.csv'\""},
    Magic{"PARE", "an encrypted Parquet file", kExport},
    Magic{"ARROW1", "an Arrow or Feather file",
          "python3 -c \"import pandas; pandas.read_feather('FILE').to_csv('FILE.csv', "
          "index=False)\""},
    Magic{"\xFF\xFF\xFF\xFF", "an Arrow stream", kExport},
    Magic{"FEA1", "a Feather file",
          "python3 -c \"import pandas; pandas.read_feather('FILE').to_csv('FILE.csv', "
          "index=False)\""},
    Magic{"ORC", "an ORC file",
          "python3 -c \"import pandas; pandas.read_orc('FILE').to_csv('FILE.csv', index=False)\""},
    Magic{"Obj\x01", "an Avro file", kExport},
    Magic{"\x89HDF", "an HDF5 file",
          "python3 -c \"import pandas; pandas.read_hdf('FILE').to_csv('FILE.csv', index=False)\", "
          "or h5dump"},
    Magic{"\x80\x02", "a Python pickle", kPickle},
    Magic{"\x80\x03", "a Python pickle", kPickle},
    Magic{"\x80\x04", "a Python pickle", kPickle},
    Magic{"\x80\x05", "a Python pickle", kPickle},
    Magic{"SQLite format 3", "an SQLite database", "sqlite3 -csv -header FILE 'SELECT ...'"},
    Magic{"%PDF-", "a PDF document", kExport},
    Magic{"\x89PNG", "a picture", kExport},
    Magic{"\xFF\xD8\xFF", "a picture", kExport},
    Magic{"\x7F"
          "ELF",
          "a program", "it should be a table"},
};

absl::Status IsNotRead(const std::string& name, absl::string_view what, absl::string_view advice) {
  return DataError({name}, absl::StrCat("the file is ", what, ", which is not read: ", advice));
}

struct Named {
  FileFormat format;
  absl::string_view name;
  absl::string_view title;
};
constexpr std::array kFormats = {
    Named{FileFormat::kCsv, "csv", "CSV"},
    Named{FileFormat::kJsonLines, "jsonl", "JSON lines"},
    Named{FileFormat::kNpy, "npy", "NumPy's npy"},
    Named{FileFormat::kNpz, "npz", "NumPy's npz"},
};

size_t ZipNameLength(absl::string_view bytes) {
  return static_cast<unsigned char>(bytes[kZipNameLengthAt]) |
         static_cast<size_t>(static_cast<unsigned char>(bytes[kZipNameLengthAt + 1])) << 8;
}

}  // namespace

std::vector<std::string> FormatNames() {
  std::vector<std::string> names;
  for (const Named& format : kFormats) names.emplace_back(format.name);
  return names;
}

std::optional<FileFormat> FormatOf(absl::string_view name) {
  for (const Named& format : kFormats) {
    if (format.name == name) return format.format;
  }
  return std::nullopt;
}

absl::string_view TitleOf(FileFormat format) {
  for (const Named& named : kFormats) {
    if (named.format == format) return named.title;
  }
  return "";
}

bool IsText(FileFormat format) {
  return format == FileFormat::kCsv || format == FileFormat::kJsonLines;
}

size_t BytesToTell(absl::string_view bytes) {
  constexpr size_t kEnough = 16;
  if (!absl::StartsWith(bytes, kZipMember)) return kEnough;
  return bytes.size() < kZipNameAt ? kZipNameAt : kZipNameAt + ZipNameLength(bytes);
}

std::optional<FileFormat> BinaryFormatOf(absl::string_view bytes) {
  if (absl::StartsWith(bytes, "\x93NUMPY")) return FileFormat::kNpy;
  if (absl::StartsWith(bytes, kEmptyZip)) return FileFormat::kNpz;
  const bool zip = absl::StartsWith(bytes, kZipMember) && bytes.size() >= kZipNameAt;
  if (zip && absl::EndsWith(bytes.substr(kZipNameAt).substr(0, ZipNameLength(bytes)), ".npy")) {
    return FileFormat::kNpz;
  }
  return std::nullopt;
}

absl::Status CheckReadable(const std::string& name, absl::string_view bytes) {
  bytes = bytes.substr(0, kLongestMagic);
  for (const Magic& magic : kMagics) {
    if (absl::StartsWith(bytes, magic.bytes)) return IsNotRead(name, magic.name, magic.advice);
  }
  if (bytes.size() > kTarMagicAt && absl::StartsWith(bytes.substr(kTarMagicAt), "ustar")) {
    return IsNotRead(name, "a tar archive", kUnpack);
  }
  return absl::OkStatus();
}

bool LooksLikeJsonLines(absl::string_view text) {
  text = absl::StripLeadingAsciiWhitespace(text);
  if (!absl::ConsumePrefix(&text, "{")) return false;
  text = absl::StripLeadingAsciiWhitespace(text);
  return absl::StartsWith(text, "\"") || absl::StartsWith(text, "}");
}

absl::Status CheckCsvText(const std::string& name, absl::string_view text) {
  text = absl::StripLeadingAsciiWhitespace(text);
  const absl::string_view rest =
      text.empty() ? text : absl::StripLeadingAsciiWhitespace(text.substr(1));
  if (absl::StartsWith(text, "[") && !rest.empty() && absl::StrContains("{[\"", rest.front())) {
    return IsNotRead(name, "a JSON array", "jq -c '.[]' FILE writes it as lines, one object each");
  }
  if (absl::StartsWithIgnoreCase(text, "<!doctype") || absl::StartsWithIgnoreCase(text, "<html") ||
      absl::StartsWith(text, "<?xml")) {
    return IsNotRead(name, "HTML or XML",
                     "if it was downloaded, look whether it is a page that says why not");
  }
  if (absl::StartsWithIgnoreCase(text, "@relation")) {
    return IsNotRead(name, "an ARFF file", kExport);
  }
  return absl::OkStatus();
}

}  // namespace descent::cli
