#include "tests/fuzz/table_read_fuzzer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "client/cli/tables/new_table.h"
#include "core/check.h"

namespace descent::cli {
namespace {

// A file in memory, under a name by which it can be opened.
class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* data, std::size_t size) : descriptor_(memfd_create("table", 0)) {
    DESCENT_CHECK(descriptor_ >= 0);
    DESCENT_CHECK(write(descriptor_, data, size) == static_cast<ssize_t>(size));
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return absl::StrCat("/proc/self/fd/", descriptor_); }

 private:
  const int descriptor_;
};

NewTableOptions OptionsOf(std::uint8_t bits) {
  NewTableOptions options;
  if ((bits & 1) != 0) options.file.header = (bits & 2) != 0;
  if ((bits & 4) != 0) options.file.delimiter = (bits & 8) != 0 ? ';' : ',';
  if ((bits & 16) != 0) options.file.decimal = ',';
  if ((bits & 32) != 0) options.file.charset = "windows-1252";
  if ((bits & 64) != 0) options.categorical = {"1"};
  if ((bits & 128) != 0) options.target_kind = ColumnKind::kCategory;
  return options;
}

void CheckColumn(const Column& column, std::size_t rows) {
  if (column.schema.kind == ColumnKind::kNumber) {
    DESCENT_CHECK(column.numbers.size() == rows);
    for (const double number : column.numbers) DESCENT_CHECK(!std::isinf(number));
    return;
  }
  DESCENT_CHECK(column.codes.size() == rows);
  for (const std::int32_t code : column.codes) {
    DESCENT_CHECK(code >= 0 && static_cast<std::size_t>(code) < column.categories.size());
  }
}

void CheckTable(const NewTable& read) {
  const auto rows = static_cast<std::size_t>(read.table.rows());
  DESCENT_CHECK(rows > 0 && !read.table.inputs.empty() && read.table.target.has_value());
  for (const Column& column : read.table.inputs) CheckColumn(column, rows);
  CheckColumn(*read.table.target, rows);
  if (read.table.target->schema.kind == ColumnKind::kNumber) {
    for (const double number : read.table.target->numbers) DESCENT_CHECK(std::isfinite(number));
  }
}

}  // namespace
}  // namespace descent::cli

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The entry point stands outside of all namespaces.
  using namespace descent::cli;  // NOLINT(google-build-using-namespace)
  if (size == 0) return -1;
  const MemoryFile file(data + 1, size - 1);
  NewTableOptions options = OptionsOf(data[0]);
  options.csv = file.path();
  const absl::StatusOr<NewTable> read = ReadNewTable(options);
  if (read.ok()) {
    CheckTable(*read);
  } else {
    constexpr std::size_t kMessageBytes = 1000;
    DESCENT_CHECK(ExitCodeOf(read.status()) == ExitCode::kBadData ||
                  ExitCodeOf(read.status()) == ExitCode::kUsage);
    DESCENT_CHECK(read.status().message().size() < kMessageBytes);
  }
  return 0;
}
