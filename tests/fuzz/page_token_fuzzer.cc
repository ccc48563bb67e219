#include "tests/fuzz/page_token_fuzzer.h"

#include <limits>
#include <string>
#include <vector>

#include "core/check.h"
#include "core/error.h"
#include "server/models/list_pages.h"

namespace descent::models {
namespace {

// So many checkpoints, newest first.
std::vector<CheckpointInfo> Checkpoints(int count) {
  std::vector<CheckpointInfo> listed;
  for (int i = count; i > 0; --i) {
    CheckpointInfo& info = listed.emplace_back();
    info.step = std::int64_t{i} * 7;
  }
  return listed;
}

template <typename T>
bool IsPageOrRefused(const absl::StatusOr<T>& page) {
  if (page.ok()) return true;
  const std::string field = GetErrorDetails(page.status()).field;
  DESCENT_CHECK(page.status().code() == absl::StatusCode::kInvalidArgument);
  DESCENT_CHECK(field == "page_token" || field == "page_size");
  return false;
}

// A token that is read is the one that would be written for its key.
void CheckToken(const std::string& token) {
  const absl::StatusOr<std::string> key = DecodePageToken(token);
  if (!IsPageOrRefused(key) || token.empty()) return;
  const absl::StatusOr<std::string> again = DecodePageToken(EncodePageToken(*key));
  DESCENT_CHECK(again.ok() && *again == *key);
}

// From any token the pages come to an end, with no checkpoint twice.
void CheckPages(const std::vector<CheckpointInfo>& listed, int page_size, std::string token) {
  std::size_t seen = 0;
  std::int64_t last_step = std::numeric_limits<std::int64_t>::max();
  do {
    const auto page = PageOf(listed, {.page_size = page_size, .page_token = token});
    if (!IsPageOrRefused(page)) return;
    for (const CheckpointInfo& info : page->checkpoints) {
      DESCENT_CHECK(info.step < last_step);
      last_step = info.step;
      ++seen;
    }
    token = page->next_page_token;
  } while (!token.empty());
  DESCENT_CHECK(seen <= listed.size());
}

}  // namespace
}  // namespace descent::models

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The entry point stands outside of all namespaces.
  using namespace descent::models;  // NOLINT(google-build-using-namespace)
  if (size < 2) return -1;
  const int page_size = static_cast<std::int8_t>(data[0]);
  const std::string token(reinterpret_cast<const char*>(data + 2), size - 2);
  CheckToken(token);
  CheckPages(Checkpoints(data[1]), page_size, token);
  // And as the key of one, which says more about lists than what is no token.
  CheckPages(Checkpoints(data[1]), page_size, EncodePageToken(token));
  return 0;
}
