#include "server/ops/storage_log.h"

#include <string_view>

#include "server/ops/log.h"

namespace descent::ops {
namespace {

std::string_view MessageOf(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

}  // namespace

void StorageLog::OnStatus(const absl::Status& status) {
  const absl::MutexLock lock(&mutex_);
  if (status.code() == last_.code()) return;
  last_ = status;
  if (status.ok()) {
    Log(LogLevel::kInfo, "the disk has room again: changes are kept");
  } else if (absl::IsResourceExhausted(status)) {
    Log(LogLevel::kError, "the disk is full: changes are refused until there is room",
        {{"error", MessageOf(status)}});
  } else {
    Log(LogLevel::kError,
        "storage has failed: changes are refused until the server is started again",
        {{"error", MessageOf(status)}});
  }
}

}  // namespace descent::ops
