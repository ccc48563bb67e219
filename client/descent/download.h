// Files that a server streams.

#ifndef CLIENT_DESCENT_DOWNLOAD_H_
#define CLIENT_DESCENT_DOWNLOAD_H_

#include <functional>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace descent::client {

class Connection;

// How far a stream came.
struct DownloadStream {
  bool begun = false;        // there was a chunk
  bool sink_failed = false;  // whoever takes the chunks did not want one
};

// Runs `stream`, which gets one and says how far it came, until it succeeds or fails for good. One
// that has begun is run again only after `restart`, if there is one, which drops what came; not
// after its sink failed, and not once `cancelled` says so. `what`: of the file, for messages.
absl::Status Download(const Connection& connection, absl::string_view what, absl::Time deadline,
                      const std::function<bool()>& cancelled,
                      const std::function<absl::Status()>& restart,
                      absl::FunctionRef<absl::Status(DownloadStream*)> stream);

}  // namespace descent::client

#endif  // CLIENT_DESCENT_DOWNLOAD_H_
