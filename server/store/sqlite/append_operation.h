// A change of a model on its way into the file, and out to readers.

#ifndef SERVER_STORE_SQLITE_APPEND_OPERATION_H_
#define SERVER_STORE_SQLITE_APPEND_OPERATION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/store/records.h"
#include "server/store/sqlite/kept_model.h"
#include "server/store/sqlite/operation.h"
#include "server/store/sqlite/removal.h"
#include "server/store/store.h"

namespace descent::store {

// See Journal::Append. What a change writes follows from the durability before and after it:
//
//   before       after                    written
//   kJournal     kJournal, kCheckpoint    its record: it keeps what the higher durability promised
//   kJournal     kMemory                  its record, and all that the file has goes (Removal)
//   kCheckpoint  kCheckpoint              nothing: the next checkpoint has it
//   kCheckpoint  kMemory                  all that the file has goes
//   kMemory      kMemory                  nothing
//
// The deletion of a checkpoint also takes that off the list, where the file has any.
class AppendOperation final : public Operation {
 public:
  struct Change {
    UpdateRecord record;
    std::int64_t position = 0;
    // What the model's durability was before the change, and is after it.
    Durability before = Durability::kJournal;
    Durability after = Durability::kJournal;
  };

  // Encodes what is to be kept, on the caller's thread: the batch is at hand there, and goes.
  AppendOperation(std::shared_ptr<KeptModel> model, Change change, Publish publish, OnStored done);

  bool changes() const override { return writes_record_ || forgets_ || unlists_; }
  bool only_appends() const override { return writes_record_ && !forgets_ && !unlists_; }
  bool is_of_stream() const override { return change_.record.session.has_value(); }
  std::size_t bytes() const override { return encoded_.size(); }
  absl::Status Apply(StoreParts* parts) override;
  void Finish(const absl::Status& outcome, StoreParts* parts) override;

  // `later` is a change of the same model that will be stored together with this one. True: what it
  // publishes, if anything, takes the place of what this one would have, which is returned to be
  // destroyed.
  bool PublishInstead(AppendOperation* later, Publish* superseded);

 private:
  // Parts of Apply.
  absl::Status WriteRecord(StoreParts* parts);
  absl::Status Unlist(StoreParts* parts);
  // Parts of Finish.
  void NoteRecord();
  std::int64_t DurableStep() const;

  Change change_;  // without what was encoded
  std::string encoded_;

  // The table above.
  const bool writes_record_;
  const bool forgets_;
  const bool unlists_;

  Publish publish_;
  // The step that publish_ shows, and whether a later change's may take its place.
  std::int64_t published_step_;
  bool may_be_superseded_;
  OnStored done_;

  // What Apply has taken out of the model, to go for good when that is durable.
  Removal removal_;
  std::vector<std::int64_t> deleted_checkpoints_;
};

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_APPEND_OPERATION_H_
