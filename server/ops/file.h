// A file descriptor, closed when destroyed.

#ifndef SERVER_OPS_FILE_H_
#define SERVER_OPS_FILE_H_

#include <unistd.h>

#include <utility>

namespace descent::ops {

class File {
 public:
  explicit File(int number = -1) : number_(number) {}
  File(File&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~File() {
    if (number_ >= 0) close(number_);
  }

  int number() const { return number_; }
  // Lets go of it.
  int Release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

}  // namespace descent::ops

#endif  // SERVER_OPS_FILE_H_
