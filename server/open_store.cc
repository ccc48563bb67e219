#include "server/open_store.h"

#include "absl/strings/str_cat.h"
#include "version/version.h"

namespace descent {

std::string BuildName() { return absl::StrCat(kVersion, " (", kCommit, ", ", kCompiler, ")"); }

}  // namespace descent
