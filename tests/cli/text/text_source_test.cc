#include "client/cli/text/text_source.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <optional>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "tests/cli/message.h"
#include "tests/cli/temporary_file.h"

namespace descent::cli {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

absl::StatusOr<std::string> All(TextSource* source) {
  std::string text;
  std::string piece;
  while (true) {
    const absl::StatusOr<bool> any = source->Read(&piece);
    if (!any.ok()) return any.status();
    if (!*any) return text;
    text += piece;
  }
}

absl::StatusOr<std::string> TextOf(const std::string& bytes, const std::string& charset = "") {
  const TemporaryFile file(bytes);
  absl::StatusOr<std::unique_ptr<TextSource>> source = TextSource::Open(file.path(), charset);
  return source.ok() ? All(source->get()) : source.status();
}

std::string Gzipped(const std::string& text) {
  z_stream stream = {};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string bytes(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_out = static_cast<uInt>(bytes.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  bytes.resize(bytes.size() - stream.avail_out);
  deflateEnd(&stream);
  return bytes;
}

std::string Zstd(const std::string& text) {
  std::string bytes(ZSTD_compressBound(text.size()), '\0');
  const size_t size = ZSTD_compress(bytes.data(), bytes.size(), text.data(), text.size(), 3);
  EXPECT_EQ(ZSTD_isError(size), 0U);
  bytes.resize(size);
  return bytes;
}

std::string Utf16(const std::string& latin, bool little) {
  std::string bytes;
  for (const char c : latin) {
    if (!little) bytes += '\0';
    bytes += c;
    if (little) bytes += '\0';
  }
  return bytes;
}

// More than the pieces in which files are read.
std::string LongText() {
  std::string text = "a,b\n";
  for (int i = 0; i < 40000; ++i) absl::StrAppend(&text, i, ",caf\xC3\xA9 ", i * 7, "\n");
  return text;
}

TEST(TextSourceTest, DropsAByteOrderMark) {
  EXPECT_EQ(TextOf("\xEF\xBB\xBF"
                   "a,b\n")
                .value(),
            "a,b\n");
}

TEST(TextSourceTest, ReadsGzip) {
  EXPECT_EQ(TextOf(Gzipped("a,b\n1,2\n")).value(), "a,b\n1,2\n");
  EXPECT_EQ(TextOf(Gzipped(LongText())).value(), LongText());
  EXPECT_EQ(TextOf(Gzipped("a\n") + Gzipped("1\n") + std::string(100, '\0')).value(), "a\n1\n");
  EXPECT_EQ(TextOf(Gzipped("\xEF\xBB\xBF"
                           "a\n"))
                .value(),
            "a\n");
  EXPECT_EQ(TextOf(Gzipped("")).value(), "");
}

TEST(TextSourceTest, SaysThatAGzipFileIsDamagedOrCutShort) {
  std::string bytes = Gzipped(LongText());
  EXPECT_THAT(Message(TextOf(bytes.substr(0, bytes.size() / 2)).status()),
              EndsWith("the gzip file is cut short"));
  bytes[bytes.size() / 2] = static_cast<char>(~bytes[bytes.size() / 2]);
  EXPECT_THAT(Message(TextOf(bytes).status()), HasSubstr("the gzip file is"));
  EXPECT_THAT(Message(TextOf("\x1F\x8B").status()), EndsWith("the gzip file is cut short"));
}

TEST(TextSourceTest, ReadsZstd) {
  EXPECT_EQ(TextOf(Zstd("a,b\n1,2\n")).value(), "a,b\n1,2\n");
  EXPECT_EQ(TextOf(Zstd(LongText())).value(), LongText());
  // Much text in few bytes, which are all read before the text is.
  const std::string zeros = "a\n" + std::string(10'000'000, '0');
  EXPECT_TRUE(TextOf(Zstd(zeros)).value() == zeros);
  const std::string skippable("\x50\x2A\x4D\x18\x03\0\0\0abc", 11);
  EXPECT_EQ(TextOf(skippable + Zstd("a\n") + Zstd("1\n")).value(), "a\n1\n");
  EXPECT_EQ(TextOf(Zstd("")).value(), "");
}

TEST(TextSourceTest, SaysThatAZstdFileIsDamagedOrCutShort) {
  std::string bytes = Zstd(LongText());
  for (const size_t size : {size_t{4}, size_t{7}, bytes.size() / 2, bytes.size() - 1}) {
    EXPECT_THAT(Message(TextOf(bytes.substr(0, size)).status()),
                EndsWith("the zstd file is cut short"))
        << size;
  }
  bytes[bytes.size() / 2] = static_cast<char>(~bytes[bytes.size() / 2]);
  EXPECT_THAT(Message(TextOf(bytes).status()), HasSubstr("the zstd file is"));
  EXPECT_THAT(Message(TextOf(Zstd("a\n") + "more").status()), EndsWith("the zstd file is damaged"));
  // A frame that asks for 2 GiB of memory.
  const std::string greedy("\x28\xB5\x2F\xFD\x00\xA8\x01\0\0", 9);
  EXPECT_THAT(Message(TextOf(greedy).status()), HasSubstr("zstd -dc --long=31"));
}

TEST(TextSourceTest, ReadsUtf16WithAndWithoutAByteOrderMark) {
  for (const bool little : {true, false}) {
    const std::string mark = little ? "\xFF\xFE" : "\xFE\xFF";
    EXPECT_EQ(TextOf(mark + Utf16("a,b\n1,2\n", little)).value(), "a,b\n1,2\n");
    EXPECT_EQ(TextOf(Utf16("name,b\n1,2\n", little)).value(), "name,b\n1,2\n");
  }
  std::string text = "a\n";
  for (int i = 0; i < 100000; ++i) absl::StrAppend(&text, i, "\n");
  EXPECT_EQ(TextOf(Utf16(text, true)).value(), text);
  EXPECT_EQ(TextOf(Gzipped(Utf16(text, true))).value(), text);
  // The euro sign, and a character of two halves.
  EXPECT_EQ(TextOf(std::string("\xFF\xFE\xAC\x20\x3D\xD8\x00\xDE\n\0", 10)).value(),
            "\xE2\x82\xAC\xF0\x9F\x98\x80\n");
}

TEST(TextSourceTest, NamesTheLineThatIsNotOfItsCharset) {
  const std::string half(
      "\xFF\xFE"
      "a\0\n\0\x3D\xD8",
      8);
  EXPECT_THAT(Message(TextOf(half).status()), EndsWith(":2: what stands here is not UTF-16LE"));
}

TEST(TextSourceTest, ReadsACharsetThatIsNamed) {
  EXPECT_EQ(TextOf("caf\xE9\n\x80\n", "windows-1252").value(), "caf\xC3\xA9\n\xE2\x82\xAC\n");
  EXPECT_EQ(TextOf("caf\xE9\n", "latin1").value(), "caf\xC3\xA9\n");
  const absl::Status unknown = TextOf("a\n", "klingon").status();
  EXPECT_EQ(ExitCodeOf(unknown), ExitCode::kUsage);
  EXPECT_THAT(Message(unknown), HasSubstr("--encoding: \"klingon\" is not known here"));
}

TEST(TextSourceTest, NamesWhatIsNoText) {
  struct Case {
    std::string bytes;
    const char* name;
  };
  const std::string tar = "a.csv" + std::string(252, '\0') + "ustar" + std::string(300, '\0');
  for (const Case& c : {
           Case{"PK\x03\x04zip", ".xlsx"},
           Case{"PAR1....", "a Parquet file"},
           Case{"BZh91AY", "compressed by bzip2"},
           Case{"\xFD"
                "7zXZ.",
                "compressed by xz"},
           Case{"\xD0\xCF\x11\xE0\xA1", "an old Excel spreadsheet"},
           Case{"ARROW1..", "an Arrow or Feather file"},
           Case{"SQLite format 3", "an SQLite database"},
           Case{"%PDF-1.4", "a PDF document"},
           Case{"PARE....", "an encrypted Parquet file"},
           Case{"FEA1....", "a Feather file"},
           Case{"ORC.....", "an ORC file"},
           Case{"\x89HDF\r\n\x1A\n", "an HDF5 file"},
           Case{"\x80\x02}q", "a Python pickle"},
           Case{"\x80\x05\x95....", "a Python pickle"},
           Case{"[{\"a\": 1}]", "a JSON array"},
           Case{"[\n  {\"a\": 1}\n]", "a JSON array"},
           Case{"<!DOCTYPE html><html>", "HTML or XML"},
           Case{"<?xml version='1.0'?>", "HTML or XML"},
           Case{"@RELATION iris\n", "an ARFF file"},
           Case{tar, "a tar archive"},
           Case{Gzipped(tar), "a tar archive"},
       }) {
    const absl::Status status = TextOf(c.bytes).status();
    EXPECT_EQ(ExitCodeOf(status), ExitCode::kBadData) << c.name;
    EXPECT_THAT(Message(status), HasSubstr(absl::StrCat("the file is ", c.name).substr(0, 12)))
        << c.name;
    EXPECT_THAT(Message(status), HasSubstr(c.name));
  }
  for (const char* text : {"[a],b\n", "{x},y\n", "BZ,h\n", "PAR,1\n", "<5,>5\n"}) {
    EXPECT_EQ(TextOf(text).value(), text);
  }
}

TEST(TextSourceTest, SaysHowToConvertWhatIsNotRead) {
  EXPECT_THAT(Message(TextOf("PAR1....").status()),
              AllOf(HasSubstr("which is not read: "), HasSubstr("read_parquet('FILE').to_csv(")));
  EXPECT_THAT(Message(TextOf("[{\"a\": 1}]").status()), HasSubstr("jq -c '.[]' FILE"));
}

TEST(TextSourceTest, FindsOutTheFormatUnlessItIsSaid) {
  const auto format_of = [](const std::string& bytes, std::optional<FileFormat> said) {
    const TemporaryFile file(bytes);
    return TextSource::Open(file.path(), "", said).value()->format();
  };
  for (const char* lines :
       {"{\"a\": 1}\n", "\xEF\xBB\xBF{\"a\": 1}\n", "\n { \"a\": 1}\n", "{}\n"}) {
    EXPECT_EQ(format_of(lines, std::nullopt), FileFormat::kJsonLines) << lines;
    EXPECT_EQ(format_of(Gzipped(lines), std::nullopt), FileFormat::kJsonLines) << lines;
    EXPECT_EQ(format_of(lines, FileFormat::kCsv), FileFormat::kCsv) << lines;
  }
  EXPECT_EQ(format_of(Utf16("{\"a\": 1}\n", true), std::nullopt), FileFormat::kJsonLines);
  EXPECT_EQ(format_of("{x},y\n", std::nullopt), FileFormat::kCsv);
  EXPECT_EQ(format_of("{x},y\n", FileFormat::kJsonLines), FileFormat::kJsonLines);
}

TEST(TextSourceTest, PeekingTakesNothingAway) {
  const TemporaryFile file(LongText());
  const std::unique_ptr<TextSource> source = TextSource::Open(file.path(), "").value();
  const absl::string_view ahead = source->Peek(100000).value();
  EXPECT_GE(ahead.size(), 100000U);
  EXPECT_EQ(std::string(ahead), LongText().substr(0, ahead.size()));
  EXPECT_EQ(All(source.get()).value(), LongText());
}

// A pipe with a name, and what writes into it.
class Fifo {
 public:
  explicit Fifo(std::string text) : path_(absl::StrCat(testing::TempDir(), "/fifo.", getpid())) {
    unlink(path_.c_str());
    EXPECT_EQ(mkfifo(path_.c_str(), 0600), 0);
    writer_ = std::thread([this, text = std::move(text)] {
      const int descriptor = open(path_.c_str(), O_WRONLY);
      size_t written = 0;
      while (written < text.size()) {
        const ssize_t count = write(descriptor, text.data() + written, text.size() - written);
        if (count <= 0) break;
        written += static_cast<size_t>(count);
      }
      close(descriptor);
    });
  }
  ~Fifo() {
    writer_.join();
    unlink(path_.c_str());
  }
  Fifo(const Fifo&) = delete;
  Fifo& operator=(const Fifo&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::thread writer_;
};

TEST(TextSourceTest, ReadsAFileAgainThatWasRead) {
  for (const std::string& bytes :
       {LongText(), Gzipped(LongText()), Zstd(LongText()), "\xEF\xBB\xBF" + LongText()}) {
    const TemporaryFile file(bytes);
    const std::unique_ptr<TextSource> source = TextSource::Open(file.path(), "").value();
    source->KeepForRewind();
    ASSERT_TRUE(source->Peek(10).ok());
    EXPECT_EQ(All(source.get()).value(), LongText());
    ASSERT_TRUE(source->Rewind().ok());
    EXPECT_EQ(All(source.get()).value(), LongText());
  }
}

TEST(TextSourceTest, ReadsAPipeAgainThatWasRead) {
  for (const std::string& bytes : {LongText(), Gzipped(LongText()), Zstd(LongText())}) {
    const Fifo fifo(bytes);
    const std::unique_ptr<TextSource> source = TextSource::Open(fifo.path(), "").value();
    source->KeepForRewind();
    ASSERT_TRUE(source->Peek(10).ok());
    EXPECT_EQ(All(source.get()).value(), LongText());
    ASSERT_TRUE(source->Rewind().ok());
    EXPECT_EQ(All(source.get()).value(), LongText());
  }
}

TEST(TextSourceTest, TakesExcelsFirstLineAway) {
  struct Case {
    std::string bytes;
    char separator;
  };
  for (const Case& c : std::vector<Case>{{"sep=;\r\na;b\n", ';'},
                                         {"SEP=\t\na;b\n", '\t'},
                                         {"\"sep=;\"\na;b\n", ';'},
                                         {"\xEF\xBB\xBFsep=|\na;b\n", '|'},
                                         {Utf16("sep=;\r\na;b\n", true), ';'},
                                         {Gzipped("sep=;\ra;b\n"), ';'}}) {
    const TemporaryFile file(c.bytes);
    const std::unique_ptr<TextSource> source = TextSource::Open(file.path(), "").value();
    source->KeepForRewind();
    for (int time = 0; time < 2; ++time) {
      EXPECT_EQ(source->separator(), c.separator) << c.bytes;
      EXPECT_EQ(source->first_line(), 2);
      EXPECT_EQ(All(source.get()).value(), "a;b\n") << c.bytes;
      ASSERT_TRUE(source->Rewind().ok());
    }
  }
  for (const char* text : {"sep=", "sep=;", "sep=;;\na\n", "sep=\na\n", "separate,b\n1,2\n"}) {
    const TemporaryFile file(text);
    const std::unique_ptr<TextSource> source = TextSource::Open(file.path(), "").value();
    EXPECT_EQ(source->separator(), std::nullopt) << text;
    EXPECT_EQ(source->first_line(), 1);
    EXPECT_EQ(All(source.get()).value(), text);
  }
}

TEST(TextSourceTest, SaysWhatItRecognised) {
  const TemporaryFile file(Gzipped(Utf16("a,b\n1,2\n", true)));
  EXPECT_THAT(TextSource::Open(file.path(), "").value()->recognised(),
              ElementsAre("gzip", "UTF-16LE"));
  const TemporaryFile plain("a,b\n1,2\n");
  EXPECT_THAT(TextSource::Open(plain.path(), "").value()->recognised(), IsEmpty());
}

}  // namespace
}  // namespace descent::cli
