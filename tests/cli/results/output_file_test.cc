#include "client/cli/results/output_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "client/cli/results/npy_writer.h"
#include "client/cli/results/result_format.h"
#include "client/cli/text/text_source.h"
#include "tests/cli/message.h"

namespace descent::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class OutputFileTest : public testing::Test {
 protected:
  OutputFileTest() {
    fs::remove_all(directory_);
    fs::create_directory(directory_);
  }
  ~OutputFileTest() override { fs::remove_all(directory_); }

  std::string Path(const std::string& name) const { return (directory_ / name).string(); }
  int Files() const {
    return static_cast<int>(
        std::distance(fs::directory_iterator(directory_), fs::directory_iterator()));
  }
  static std::string BytesOf(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  const fs::path directory_ = absl::StrCat(testing::TempDir(), "/output_file.", getpid());
};

TEST_F(OutputFileTest, IsThereWhenItIsWholeAndReplacesWhatWasThere) {
  const std::string path = Path("a.csv");
  std::ofstream(path) << "before";
  {
    const auto file = OutputFile::Create(path, Compression::kNone).value();
    ASSERT_TRUE(file->Append(std::string(200'000, 'x')).ok());
    EXPECT_EQ(BytesOf(path), "before");
    ASSERT_TRUE(file->Overwrite("yy").ok());
    ASSERT_TRUE(file->Append("z").ok());
    ASSERT_TRUE(file->Commit().ok());
  }
  EXPECT_EQ(BytesOf(path), "yy" + std::string(199'998, 'x') + "z");
  EXPECT_EQ(Files(), 1);
}

TEST_F(OutputFileTest, LeavesNothingUnlessItIsCommitted) {
  const std::string path = Path("a.csv");
  {
    const auto file = OutputFile::Create(path, Compression::kGzip).value();
    ASSERT_TRUE(file->Append(std::string(200'000, 'x')).ok());
  }
  EXPECT_EQ(Files(), 0);
}

TEST_F(OutputFileTest, WhatItPacksIsReadAgain) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) {
    absl::StrAppend(&text, std::int64_t{i} * i % 9973, ",", i, "\n");
  }
  for (const Compression compression : {Compression::kGzip, Compression::kZstd}) {
    for (const std::string& content : {text, std::string()}) {
      const std::string path = Path("packed");
      const auto file = OutputFile::Create(path, compression).value();
      EXPECT_FALSE(file->can_overwrite());
      for (size_t i = 0; i < content.size(); i += 1000) {
        ASSERT_TRUE(file->Append(absl::string_view(content).substr(i, 1000)).ok());
      }
      ASSERT_TRUE(file->Commit().ok());
      const auto source = TextSource::Open(path, "").value();
      std::string read;
      std::string piece;
      while (source->Read(&piece).value()) read += piece;
      EXPECT_TRUE(read == content);
      EXPECT_LT(BytesOf(path).size(), content.size() / 2 + 50);
    }
  }
}

TEST_F(OutputFileTest, ASymbolicLinkStaysOne) {
  const std::string target = Path("target");
  const std::string link = Path("link");
  std::ofstream(target) << "before";
  fs::create_symlink(target, link);
  const auto file = OutputFile::Create(link, Compression::kNone).value();
  ASSERT_TRUE(file->Append("after").ok());
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(BytesOf(target), "after");
}

TEST_F(OutputFileTest, WhatCantBeReplacedIsWrittenTo) {
  const auto null = OutputFile::Create("/dev/null", Compression::kNone).value();
  EXPECT_FALSE(null->can_overwrite());
  ASSERT_TRUE(null->Append("x").ok());
  EXPECT_TRUE(null->Commit().ok());
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  const auto full = OutputFile::Create("/dev/full", Compression::kNone).value();
  ASSERT_TRUE(full->Append("x").ok());
  const absl::Status status = full->Commit();
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kCannotWrite);
  EXPECT_THAT(Message(status), HasSubstr("/dev/full: "));
}

TEST_F(OutputFileTest, APlaceThatIsNoneIsAnError) {
  for (const std::string& path : {Path("no/such/place.csv"), Path("")}) {
    EXPECT_EQ(ExitCodeOf(OutputFile::Create(path, Compression::kNone).status()),
              ExitCode::kCannotWrite)
        << path;
  }
}

TEST(ResultEncodingTest, EndingsSayFormatAndCompression) {
  struct Case {
    const char* path;
    const char* format;
    ResultFormat result;
    Compression compression;
  };
  for (const Case& c : {
           Case{"a.csv", "", ResultFormat::kCsv, Compression::kNone},
           Case{"dir.npy/A.TSV.GZ", "", ResultFormat::kTsv, Compression::kGzip},
           Case{"a.jsonl.zst", "", ResultFormat::kJsonLines, Compression::kZstd},
           Case{"a.ndjson", "", ResultFormat::kJsonLines, Compression::kNone},
           Case{"a.npy", "", ResultFormat::kNpy, Compression::kNone},
           Case{"a.txt", "csv", ResultFormat::kCsv, Compression::kNone},
           Case{"a.csv.gz", "jsonl", ResultFormat::kJsonLines, Compression::kGzip},
       }) {
    const ResultEncoding encoding = ResultEncodingOf(c.path, c.format).value();
    EXPECT_EQ(encoding.format, c.result) << c.path;
    EXPECT_EQ(encoding.compression, c.compression) << c.path;
  }
  for (const char* path : {"a", "a.txt", "a.gz", "csv", "a.csv.bz2", "a.npy.gz", "a.npz", ""}) {
    EXPECT_EQ(ExitCodeOf(ResultEncodingOf(path, "").status()), ExitCode::kUsage) << path;
  }
}

TEST_F(OutputFileTest, ArrayHeadersKeepTheirLength) {
  const std::string path = Path("a.npy");
  const auto file = OutputFile::Create(path, Compression::kNone).value();
  NpyWriter writer({"no", "caf\xC3\xA9"}, {"it's", "a", "b"}, file.get());
  EXPECT_TRUE(writer.is_readable());
  ASSERT_TRUE(writer.Begin().ok());
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(writer.Add("caf\xC3\xA9", {1, 0.5}).ok());
  ASSERT_TRUE(writer.End().ok());
  ASSERT_TRUE(file->Commit().ok());
  const std::string bytes = BytesOf(path);
  const size_t begin = bytes.size() - 12 * (4 * 4 + 16);
  EXPECT_EQ(begin % 64, 0U);
  EXPECT_EQ(bytes[begin - 1], '\n');
  EXPECT_THAT(bytes, HasSubstr("[('it\\'s', '<U4'), ('a', '<f8'), ('b', '<f8')]"));
  EXPECT_THAT(bytes, HasSubstr("'shape': (12,), }"));
  EXPECT_FALSE(NpyWriter({"a"}, std::vector<std::string>(1000, "probability of x"), file.get())
                   .is_readable());
}

}  // namespace
}  // namespace descent::cli
