#include "tests/cli/command.h"

#include <csignal>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/support/paths.h"

namespace descent::cli {

using descent::testing::BinaryDir;
using descent::testing::Process;

Process* CommandTest::server_ = nullptr;
std::string* CommandTest::address_ = nullptr;

namespace {

Result ResultOf(Process* process) {
  Result result;
  result.code = process->Wait();
  result.out = process->Output();
  result.err = process->ErrorOutput();
  return result;
}

}  // namespace

std::vector<std::string> Result::Lines() const {
  return absl::StrSplit(out, '\n', absl::SkipEmpty());
}

Json Result::LastJson() const { return Json::parse(Lines().back()); }

void CommandTest::SetUpTestSuite() {
  server_ = new Process({BinaryDir() + "/bin/descentd", "--listen=127.0.0.1:0", "--in-memory"});
  address_ = new std::string(server_->AwaitLine("listening on "));
  ASSERT_NE(*address_, "") << server_->ErrorOutput();
}

void CommandTest::TearDownTestSuite() {
  server_->Signal(SIGTERM);
  EXPECT_EQ(server_->Wait(), 0) << server_->ErrorOutput();
  delete server_;
  delete address_;
}

std::unique_ptr<Process> CommandTest::Start(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), BinaryDir() + "/bin/descent");
  return std::make_unique<Process>(
      arguments, std::map<std::string, std::string>{{"DESCENT_SERVER", *address_}});
}

Result CommandTest::Run(const std::vector<std::string>& arguments) {
  return ResultOf(Start(arguments).get());
}

Json CommandTest::RunJson(std::vector<std::string> arguments) {
  arguments.emplace_back("--json");
  const Result result = Run(arguments);
  EXPECT_EQ(result.code, 0) << result.err << result.out;
  return result.LastJson();
}

Result CommandTest::Shell(const std::string& command) {
  Process process({"/bin/sh", "-c", absl::StrCat("PATH=", BinaryDir(), "/bin:$PATH; ", command)},
                  {{"DESCENT_SERVER", *address_}});
  return ResultOf(&process);
}

std::string Rows(int count, bool header) {
  std::string text = header ? "a,c,y\n" : "";
  for (int i = 0; i < count; ++i) {
    const int a = i * 7 % 101;
    const bool hot = i % 3 == 0;
    absl::StrAppend(&text, a, ", ", hot ? "hot" : "cold", ", ", 100 * a + (hot ? 1000 : 0), "\n");
  }
  return text;
}

std::string Frauds(int count) {
  std::string text = "id,x,label\n";
  for (int i = 0; i < count; ++i) {
    absl::StrAppend(&text, "t", i, ",", i % 100, ",", i % 100 >= 90 ? "fraud" : "ok", "\n");
  }
  return text;
}

}  // namespace descent::cli
