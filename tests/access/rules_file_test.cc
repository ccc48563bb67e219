#include "server/access/rules_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace descent::access {
namespace {

namespace fs = std::filesystem;
using ::descent::testing::IsOk;
using ::descent::testing::StatusIs;
using ::testing::HasSubstr;

// Rules by which the named certificates are readers.
std::string Certificates(std::initializer_list<const char*> names) {
  std::string text;
  for (const char* name : names) {
    absl::StrAppend(&text, "[[caller]]\nname = 'a'\nrole = 'reader'\ncertificate = '", name, "'\n");
  }
  return text;
}

class RulesFileTest : public ::testing::Test {
 protected:
  RulesFileTest() {
    std::string name = ::testing::TempDir() + "/rules_file_XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~RulesFileTest() override { fs::remove_all(directory_); }

  std::string Path(const std::string& name) const { return absl::StrCat(directory_, "/", name); }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(Path(name)) << text;
  }
  // As editors and configuration systems do.
  void Replace(const std::string& name, const std::string& text) const {
    Write(name + ".new", text);
    fs::rename(Path(name + ".new"), Path(name));
  }

  // What is told within three looks; kNotFound if nothing is.
  static absl::StatusOr<Rules> Looked(RulesFile* file) {
    for (int i = 0; i < 3; ++i) {
      if (auto told = file->Look(); told.has_value()) return *std::move(told);
    }
    return absl::NotFoundError("nothing was told");
  }
  static bool Knows(const absl::StatusOr<Rules>& rules, const std::string& certificate) {
    EXPECT_THAT(rules, IsOk());
    return rules.ok() && rules->Find(CertificateNames{{certificate}}) != nullptr;
  }

  std::string directory_;
};

TEST_F(RulesFileTest, SaysNothingAsLongAsNothingChanges) {
  Write("f", Certificates({"one"}));
  RulesFile file(Path("f"));
  EXPECT_TRUE(Knows(file.Read(), "one"));
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(file.Look().has_value());
}

TEST_F(RulesFileTest, SeesTheFileWrittenToReplacedAndTouched) {
  Write("f", Certificates({"one"}));
  RulesFile file(Path("f"));
  EXPECT_TRUE(Knows(file.Read(), "one"));
  Write("f", Certificates({"two", "three"}));
  EXPECT_TRUE(Knows(Looked(&file), "three"));
  EXPECT_TRUE(absl::IsNotFound(Looked(&file).status())) << "once";
  Replace("f", Certificates({"four"}));
  EXPECT_TRUE(Knows(Looked(&file), "four"));
  // As long as before and with the times of before: by its number.
  Write("f.new", Certificates({"five"}));
  fs::last_write_time(Path("f.new"), fs::last_write_time(Path("f")));
  fs::rename(Path("f.new"), Path("f"));
  EXPECT_TRUE(Knows(Looked(&file), "five"));
  EXPECT_TRUE(absl::IsNotFound(Looked(&file).status()));
}

// Kubernetes: f -> ..data/f, ..data -> ..1, and then ..data -> ..2 in one step.
TEST_F(RulesFileTest, SeesALinkOnTheWayReplaced) {
  for (const char* version : {"..1", "..2"}) fs::create_directory(Path(version));
  Write("..1/f", Certificates({"one"}));
  Write("..2/f", Certificates({"two"}));
  fs::create_directory_symlink("..1", Path("..data"));
  fs::create_symlink("..data/f", Path("f"));
  RulesFile file(Path("f"));
  EXPECT_TRUE(Knows(file.Read(), "one"));
  fs::create_directory_symlink("..2", Path("..tmp"));
  fs::rename(Path("..tmp"), Path("..data"));
  EXPECT_TRUE(Knows(Looked(&file), "two"));
}

TEST_F(RulesFileTest, TakesNoFileThatIsBeingWritten) {
  Write("f", Certificates({"one"}));
  RulesFile file(Path("f"));
  EXPECT_TRUE(Knows(file.Read(), "one"));
  std::ofstream writing(Path("f"));
  for (const char* name : {"two", "three", "four"}) {
    writing << Certificates({name}) << std::flush;
    EXPECT_FALSE(file.Look().has_value()) << "it may not be all";
  }
  EXPECT_TRUE(Knows(Looked(&file), "four"));
}

TEST_F(RulesFileTest, TellsOfAWrongFileOnceForEachState) {
  Write("f", Certificates({"one"}));
  RulesFile file(Path("f"));
  EXPECT_TRUE(Knows(file.Read(), "one"));
  for (const char* wrong : {"[[caller]]\nrole = 'x'\n", "[[caller]]\nrole = 'y'\n"}) {
    Replace("f", wrong);
    EXPECT_THAT(Looked(&file),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("f:2: caller[0].role")));
    EXPECT_TRUE(absl::IsNotFound(Looked(&file).status()));
  }
  Replace("f", Certificates({"one"}));
  EXPECT_TRUE(Knows(Looked(&file), "one"));
}

TEST_F(RulesFileTest, TellsOfAMissingFileOnceAndThenOfItsReturn) {
  Write("f", Certificates({"one"}));
  RulesFile file(Path("f"));
  EXPECT_TRUE(Knows(file.Read(), "one"));
  fs::rename(Path("f"), Path("g"));
  EXPECT_THAT(Looked(&file), StatusIs(absl::StatusCode::kInvalidArgument,
                                      HasSubstr("got No such file or directory")));
  EXPECT_TRUE(absl::IsNotFound(Looked(&file).status()));
  fs::rename(Path("g"), Path("f"));
  EXPECT_TRUE(Knows(Looked(&file), "one")) << "though it is the same";
  EXPECT_TRUE(absl::IsNotFound(Looked(&file).status()));
}

TEST_F(RulesFileTest, RefusesWhatIsNoFile) {
  const auto fails = [](const std::string& path, const std::string& got) {
    EXPECT_THAT(RulesFile(path).Read(),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         path + ": expected a file of callers, got " + got));
  };
  fails(Path("none"), "No such file or directory");
  fails(directory_, "a directory");
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  fails(Path("pipe"), "what is no file");
  Write("large", std::string(kMostFileBytes + 1, '#'));
  fails(Path("large"), "one of more than 1048576 bytes");
  Write("locked", Certificates({"one"}));
  fs::permissions(Path("locked"), fs::perms::none);
  if (geteuid() != 0) fails(Path("locked"), "Permission denied");
}

}  // namespace
}  // namespace descent::access
