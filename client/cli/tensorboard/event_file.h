// Writes what TensorBoard reads: files of events, each a step's scalars.
//
// A file is records, each
//
//   length of the data      8 bytes, little endian
//   checksum of the length  4 bytes
//   data                    a message tensorflow.Event
//   checksum of the data    4 bytes
//
// where a checksum is CRC-32C, rotated right by 15 bits, plus 0xa282ead8. Of the message there are
// wall_time (1, a double), step (2), file_version (3) in the first event, "brain.Event:2", and
// summary (5): its values (1), each a tag (1) and a simple_value (2, a float). A session_log (7)
// whose status (1) is START (1) says that training begins anew at a step.
//
// A directory may have several files, and TensorBoard reads them in the order of their names:
// events.out.tfevents.<seconds since 1970>.<host>.<process>.<number>.

#ifndef CLIENT_CLI_TENSORBOARD_EVENT_FILE_H_
#define CLIENT_CLI_TENSORBOARD_EVENT_FILE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace descent::cli {

struct Scalar {
  absl::string_view tag;  // "train/loss": what stands before the slash is one group of pictures
  double value = 0;
};

// The data as a record.
std::string EventRecord(absl::string_view data);

class EventFile {
 public:
  // A new file in the directory, which is made if it is not there; its name comes after those that
  // are. A file error if that can't be done.
  static absl::StatusOr<std::unique_ptr<EventFile>> Create(const std::string& directory,
                                                           absl::Time now);
  ~EventFile();
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;

  const std::string& path() const { return path_; }

  // What earlier files of the directory say of this step and later ones no longer counts.
  absl::Status BeginAt(int64_t step, absl::Time time);

  // Writes the scalars of a step, to be seen at once by whoever reads the file. Those that are too
  // large for a float are infinite there. A file error if it can't be written.
  absl::Status Add(int64_t step, absl::Time time, absl::Span<const Scalar> scalars);

 private:
  EventFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  absl::Status Write(absl::string_view event) const;

  const std::string path_;
  const int descriptor_;
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_TENSORBOARD_EVENT_FILE_H_
