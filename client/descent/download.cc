#include "client/descent/download.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "client/descent/retry.h"

namespace descent::client {

absl::Status Download(const Connection& connection, absl::string_view what, absl::Time deadline,
                      const std::function<bool()>& cancelled,
                      const std::function<absl::Status()>& restart,
                      absl::FunctionRef<absl::Status(DownloadStream*)> stream) {
  std::optional<absl::Status> end;  // what another attempt is not to mend
  const absl::Status status = Retry(connection, deadline, [&] {
    DownloadStream progress;
    absl::Status attempt = stream(&progress);
    const bool given_up = cancelled && cancelled();
    if (!progress.begun && !given_up) return attempt;
    if (!given_up && !progress.sink_failed && restart && IsTransient(attempt)) {
      const absl::Status restarted = restart();
      if (restarted.ok()) return attempt;
      attempt = restarted;
    }
    end = given_up && !attempt.ok()
              ? absl::CancelledError(absl::StrCat("the ", what, " was cancelled"))
              : attempt;
    return absl::OkStatus();
  });
  return end.value_or(status);
}

}  // namespace descent::client
