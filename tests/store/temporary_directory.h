// A directory of its own for a test, gone when the test is over.

#ifndef TESTS_STORE_TEMPORARY_DIRECTORY_H_
#define TESTS_STORE_TEMPORARY_DIRECTORY_H_

#include <cstdlib>
#include <filesystem>
#include <string>

#include "core/check.h"

namespace descent::store {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string path = (std::filesystem::temp_directory_path() / "descent-XXXXXX").string();
    DESCENT_CHECK(::mkdtemp(path.data()) != nullptr);
    path_ = path;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace descent::store

#endif  // TESTS_STORE_TEMPORARY_DIRECTORY_H_
