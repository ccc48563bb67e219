#include "server/store/memory_store.h"

#include <utility>

namespace descent::store {
namespace {

class MemoryJournal final : public Journal {
 public:
  void Append(UpdateRecord record, OnStored done) override {
    step_ = record.step;
    std::move(done)(step_);
  }
  void Sync(OnStored done) override { std::move(done)(step_); }
  void Remove(OnStored done) override { std::move(done)(step_); }

 private:
  std::int64_t step_ = 0;
};

}  // namespace

void MemoryStore::CreateModel(const ModelSettings& /*settings*/, absl::Time /*create_time*/,
                              OnCreated done) {
  std::move(done)(std::make_unique<MemoryJournal>());
}

}  // namespace descent::store
