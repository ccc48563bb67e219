// Models as files: what an export reads from, and what an import becomes.

#ifndef SERVER_SERVICES_MODEL_FILES_H_
#define SERVER_SERVICES_MODEL_FILES_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "server/models/commands.h"
#include "server/models/work/memory_budget.h"
#include "server/wire/model_files.h"

namespace descent::services {

// A file that is made as it is read. Not thread-safe.
class ExportedFile {
 public:
  virtual ~ExportedFile() = default;
  // The next bytes, at most `most`; empty at the end.
  virtual std::string Next(std::size_t most) = 0;
};

// The file of a model, as `format` has it. Of ONNX all of it is made at once and counted against
// `memory`.
absl::StatusOr<std::unique_ptr<ExportedFile>> MakeFile(wire::FileFormat format,
                                                       models::ExportModelOutcome outcome,
                                                       bool with_optimizer,
                                                       models::MemoryBudget* memory);

// Whether these bytes can be the beginning of a file of the format.
absl::Status CheckFileBeginning(wire::FileFormat format, const absl::Cord& file);

// The model of a file, for what `request` says beside it, which goes before what the file says.
// `charge` counts the file's bytes, is raised by what reading takes besides, and counts the command
// afterwards. RESOURCE_EXHAUSTED (MEMORY_BUDGET).
absl::StatusOr<models::ImportModelCommand> ReadFile(wire::ImportRequest request, absl::Cord file,
                                                    models::MemoryCharge* charge);

}  // namespace descent::services

#endif  // SERVER_SERVICES_MODEL_FILES_H_
