// Models by name, with those that can't be had now and why.

#ifndef SERVER_MODELS_REGISTRY_MODEL_TABLE_H_
#define SERVER_MODELS_REGISTRY_MODEL_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/models/registry/model.h"
#include "server/models/statistics.h"
#include "server/store/store.h"

namespace descent::models {

// A name is reserved first, then filled; emptied first, then released. Thread-safe.
class ModelTable {
 public:
  // What a name stood for: a model, or the journal of a stored one that can't be served.
  struct Emptied {
    std::shared_ptr<Model> model;
    std::unique_ptr<store::Journal> journal;
  };

  // ALREADY_EXISTS (MODEL_EXISTS) if the name is reserved or filled. `status`: what is said of the
  // model until it is filled; OK: that there is none.
  absl::Status Reserve(const std::string& name, absl::Status status = absl::OkStatus());
  // Puts a model under a reserved name, or in the place of another.
  void Fill(const std::string& name, std::shared_ptr<Model> model);
  // Says `status` of a reserved name's model from now on; `journal` is there to remove it by.
  void Quarantine(const std::string& name, absl::Status status,
                  std::unique_ptr<store::Journal> journal);
  // Says `status` of a reserved name's model until it is filled again: it is stored, but can't be
  // had now.
  void Suspend(const std::string& name, absl::Status status);
  std::vector<std::string> Suspended() const;
  // What the name stood for, leaving it reserved. NOT_FOUND (MODEL_NOT_FOUND), or what is said of a
  // model that is being recovered.
  absl::StatusOr<Emptied> Empty(const std::string& name);
  void Release(const std::string& name);

  // NOT_FOUND (MODEL_NOT_FOUND), or what is said of a model that can't be had.
  absl::StatusOr<std::shared_ptr<Model>> Find(std::string_view name) const;

  // The first `count` models whose names come after `name`, by name.
  std::vector<std::shared_ptr<Model>> After(const std::string& name, std::size_t count) const;
  std::vector<std::shared_ptr<Model>> All() const;

  std::size_t size() const;

  // All names that stand for a model, by name, with how it is; null where it can't be had now.
  struct Listed {
    std::string name;
    ModelCondition condition = ModelCondition::kServing;
    std::shared_ptr<Model> model;
  };
  // Of those that `may_see` is true of, the first `most`; and of all of those, how many are how.
  std::vector<Listed> List(std::size_t most, absl::FunctionRef<bool(std::string_view)> may_see,
                           std::array<std::int64_t, kModelConditions>* by_condition) const;

 private:
  struct Entry {
    std::shared_ptr<Model> model;
    // While `model` is null: why; OK if there is none.
    absl::Status status;
    std::unique_ptr<store::Journal> journal;
    bool suspended = false;
  };

  // Empty if the entry stands for none, as while one is made or removed.
  static std::optional<ModelCondition> ConditionOf(const Entry& entry);
  // While an entry has no model.
  static absl::Status Missing(std::string_view name, const Entry& entry);

  mutable absl::Mutex mutex_;
  std::map<std::string, Entry, std::less<>> models_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::models

#endif  // SERVER_MODELS_REGISTRY_MODEL_TABLE_H_
