// Models by name.

#ifndef SERVER_MODELS_MODEL_TABLE_H_
#define SERVER_MODELS_MODEL_TABLE_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/models/model.h"

namespace descent::models {

// A name is reserved first, then filled; emptied first, then released. Thread-safe.
class ModelTable {
 public:
  // ALREADY_EXISTS (MODEL_EXISTS) if the name is reserved or filled.
  absl::Status Reserve(const std::string& name);
  void Fill(const std::string& name, std::shared_ptr<Model> model);
  // The model, leaving its name reserved. NOT_FOUND (MODEL_NOT_FOUND).
  absl::StatusOr<std::shared_ptr<Model>> Empty(const std::string& name);
  void Release(const std::string& name);

  // NOT_FOUND (MODEL_NOT_FOUND).
  absl::StatusOr<std::shared_ptr<Model>> Find(std::string_view name) const;

  // The first `count` models whose names come after `name`, by name.
  std::vector<std::shared_ptr<Model>> After(const std::string& name, std::size_t count) const;

  std::size_t size() const;

 private:
  mutable absl::Mutex mutex_;
  // Null while a name is reserved only.
  std::map<std::string, std::shared_ptr<Model>, std::less<>> models_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::models

#endif  // SERVER_MODELS_MODEL_TABLE_H_
