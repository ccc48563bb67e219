// A file with given content, gone when the test is over.

#ifndef TESTS_CLI_TEMPORARY_FILE_H_
#define TESTS_CLI_TEMPORARY_FILE_H_

#include <string>

namespace descent::cli {

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& content);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace descent::cli

#endif  // TESTS_CLI_TEMPORARY_FILE_H_
