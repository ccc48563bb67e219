#include "tests/cli/temporary_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace descent::cli {

TemporaryFile::TemporaryFile(const std::string& content)
    : path_(testing::TempDir() + "descent_cli_XXXXXX") {
  const int descriptor = mkstemp(path_.data());
  EXPECT_GE(descriptor, 0);
  std::FILE* file = fdopen(descriptor, "wb");
  EXPECT_EQ(std::fwrite(content.data(), 1, content.size(), file), content.size());
  std::fclose(file);
}

TemporaryFile::~TemporaryFile() { std::remove(path_.c_str()); }

}  // namespace descent::cli
