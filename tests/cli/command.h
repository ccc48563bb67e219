// The program `descent` against the program `descentd`, over TCP.

#ifndef TESTS_CLI_COMMAND_H_
#define TESTS_CLI_COMMAND_H_

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace descent::cli {

using Json = nlohmann::json;

struct Result {
  int code = 0;
  std::string out;
  std::string err;

  std::vector<std::string> Lines() const;
  Json LastJson() const;
};

// A server for all tests of a suite; each test uses names of its own.
class CommandTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();

  static const std::string& address() { return *address_; }

  static std::unique_ptr<descent::testing::Process> Start(std::vector<std::string> arguments);
  static Result Run(const std::vector<std::string>& arguments);

  // Runs what should succeed, and returns its last line.
  static Json RunJson(std::vector<std::string> arguments);

  // Runs a command line of the shell, in which `descent` is the program.
  static Result Shell(const std::string& command);

 private:
  static descent::testing::Process* server_;
  static std::string* address_;
};

// "a,c,y" with y = 100 a + 1000 if c is "hot", for a file whose unit is far from the network's.
std::string Rows(int count, bool header);

// "id,x,label": fraud where x is large, which few are.
std::string Frauds(int count);

}  // namespace descent::cli

#endif  // TESTS_CLI_COMMAND_H_
