// One call to the store on its way through the store's thread.

#ifndef SERVER_STORE_SQLITE_OPERATION_H_
#define SERVER_STORE_SQLITE_OPERATION_H_

#include <cstddef>
#include <memory>
#include <utility>

#include "absl/status/status.h"
namespace descent::store {

class KeptModel;
struct StoreParts;

// Operations run in the order they were queued: each is applied within a commit that several share,
// and finished, with its callback, once that is durable.
class Operation {
 public:
  // `model`: the one it is about, or null. Operations of a model that has failed fail.
  explicit Operation(std::shared_ptr<KeptModel> model) : model_(std::move(model)) {}
  virtual ~Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  KeptModel* model() const { return model_.get(); }
  const std::shared_ptr<KeptModel>& shared_model() const { return model_; }

  // Whether it has to be written. If it can't be, its model has failed: what was computed on top
  // of it is not what the file would lead to.
  virtual bool changes() const { return true; }
  // Whether all it writes are records of a journal, so that it needs no transaction.
  virtual bool only_appends() const { return false; }
  // Whether it is one of many whose sender does not wait for it before the next.
  virtual bool is_of_stream() const { return false; }
  // About how many bytes it writes.
  virtual std::size_t bytes() const { return 0; }
  // Writes. Called if it changes anything, within a transaction unless it only appends. An error
  // fails the transaction.
  virtual absl::Status Apply(StoreParts* parts);
  // Calls back: what was written is durable, or was not kept for the reason given.
  virtual void Finish(const absl::Status& outcome, StoreParts* parts) = 0;

 private:
  const std::shared_ptr<KeptModel> model_;
};

inline absl::Status Operation::Apply(StoreParts* /*parts*/) { return absl::OkStatus(); }

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_OPERATION_H_
