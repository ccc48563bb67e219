// AdminService.Backup through the real server, from a store that has one made up.

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "server/store/memory_store.h"
#include "tests/services/revocable_admission.h"
#include "tests/services/service_fixture.h"

namespace descent::testing {
namespace {

using absl::StatusCode;

constexpr std::size_t kChunk = std::size_t{256} << 10;

// What happens to the copies of a FakeStore.
struct Copies {
  std::atomic<int> alive = 0;
  std::atomic<std::size_t> read = 0;         // bytes
  std::atomic<std::size_t> fail_after = -1;  // bytes
};

class FakeBackup final : public store::Backup {
 public:
  FakeBackup(std::string bytes, std::shared_ptr<Copies> copies)
      : bytes_(std::move(bytes)), copies_(std::move(copies)) {
    ++copies_->alive;
  }
  ~FakeBackup() override { --copies_->alive; }

  std::int64_t size_bytes() const override { return static_cast<std::int64_t>(bytes_.size()); }
  absl::StatusOr<std::string> Read(std::size_t most) override {
    if (position_ >= copies_->fail_after) return absl::DataLossError("the copy is damaged");
    std::string part = bytes_.substr(position_, most);
    position_ += part.size();
    copies_->read = position_;
    return part;
  }

 private:
  const std::string bytes_;
  const std::shared_ptr<Copies> copies_;
  std::size_t position_ = 0;
};

// Keeps models in memory, and yet has a backup.
class FakeStore final : public store::Store {
 public:
  FakeStore(std::string bytes, std::shared_ptr<Copies> copies)
      : bytes_(std::move(bytes)), copies_(std::move(copies)) {}

  void MakeBackup(store::OnBackup done) override {
    std::move(done)(std::make_unique<FakeBackup>(bytes_, copies_));
  }

  void CreateModel(const store::ModelSettings& settings, const store::ModelAnswer& answer,
                   std::optional<store::AnsweredRequest> request, OnCreated done) override {
    memory_.CreateModel(settings, answer, std::move(request), std::move(done));
  }
  std::vector<std::unique_ptr<store::StoredModel>> TakeStoredModels() override { return {}; }
  absl::StatusOr<std::unique_ptr<store::StoredModel>> Find(const std::string& name) override {
    return memory_.Find(name);
  }
  absl::StatusOr<std::vector<store::RememberedAnswer>> RegistryAnswers() override {
    return memory_.RegistryAnswers();
  }
  absl::Status status() const override { return absl::OkStatus(); }
  void NotifyStatus(OnStatus /*on_status*/) override {}

 private:
  const std::string bytes_;
  const std::shared_ptr<Copies> copies_;
  store::MemoryStore memory_;
};

class BackupTest : public ServiceTest {
 protected:
  // A server whose store is a file of so many bytes.
  void Serve(std::size_t size) {
    file_.resize(size);
    for (std::size_t i = 0; i < size; ++i) file_[i] = static_cast<char>(i * i >> 7);
    store_ = std::make_unique<FakeStore>(file_, copies_);
    RestartOnPort();
  }

  void ExpectNoCopies() {
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    while (copies_->alive > 0 && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(1));
    EXPECT_EQ(copies_->alive, 0);
  }

  std::string file_;
  const std::shared_ptr<Copies> copies_ = std::make_shared<Copies>();
};

TEST_F(BackupTest, IsTheWholeFileInBoundedChunks) {
  Serve(3 * kChunk + 17);
  BackupStream stream = client_->Backup();
  std::string bytes;
  int chunks = 0;
  while (const auto part = stream.Read()) {
    EXPECT_LE(part->chunk().size(), kChunk);
    EXPECT_EQ(part->total_bytes(), static_cast<std::int64_t>(file_.size()));
    bytes += part->chunk();
    ++chunks;
  }
  EXPECT_TRUE(stream.Finish().ok());
  EXPECT_EQ(chunks, 4);
  EXPECT_TRUE(bytes == file_);
  ExpectNoCopies();
}

TEST_F(BackupTest, GoesAtTheClientsPace) {
  Serve(64 << 20);
  BackupStream stream = client_->Backup();
  ASSERT_TRUE(stream.Read().has_value());
  absl::SleepFor(absl::Milliseconds(200));
  EXPECT_LT(copies_->read, file_.size() / 2) << "what nobody takes is not read";
  EXPECT_TRUE(stream.Finish().ok());
  EXPECT_EQ(copies_->read, file_.size());
}

TEST_F(BackupTest, TheCopyGoesWithTheClient) {
  Serve(64 << 20);
  BackupStream stream = client_->Backup();
  ASSERT_TRUE(stream.Read().has_value());
  EXPECT_EQ(copies_->alive, 1);
  stream.Cancel();
  EXPECT_EQ(stream.Finish().code, StatusCode::kCancelled);
  ExpectNoCopies();
  EXPECT_LT(copies_->read, file_.size());
}

TEST_F(BackupTest, EndsWhenItsPermitIsTakenBack) {
  RevocableAdmission admission;
  hooks_.admission = &admission;
  Serve(64 << 20);
  BackupStream stream = client_->Backup();
  ASSERT_TRUE(stream.Read().has_value());
  admission.Revoke();
  EXPECT_EQ(stream.Finish().code, StatusCode::kPermissionDenied);
  ExpectNoCopies();
  EXPECT_LT(copies_->read, file_.size());
  client_.reset();
  server_.reset();
}

TEST_F(BackupTest, ADamagedCopyIsAnError) {
  Serve(3 * kChunk);
  copies_->fail_after = 2 * kChunk;
  const auto answer = client_->Call(v1::BackupRequest());
  EXPECT_EQ(answer.status.code, StatusCode::kDataLoss) << answer.status;
  EXPECT_EQ(answer->chunk().size(), 2 * kChunk);
  ExpectNoCopies();
}

TEST_F(BackupTest, AServerWithoutFilesHasNone) {
  EXPECT_THAT(client_->Call(v1::BackupRequest()),
              FailsWith(StatusCode::kUnimplemented, "NO_STORAGE"));
}

TEST_F(BackupTest, RefusesUnknownFieldsAndKnowsTheGate) {
  v1::BackupRequest request;
  request.GetReflection()->MutableUnknownFields(&request)->AddVarint(99, 1);
  EXPECT_THAT(client_->Call(request), FailsWith(StatusCode::kInvalidArgument, "UNKNOWN_FIELD"));
  Start();
  EXPECT_THAT(client_->Call(v1::BackupRequest()), FailsWith(StatusCode::kUnavailable, "STARTING"));
}

TEST_F(BackupTest, TrainingGoesOnMeanwhile) {
  Serve(64 << 20);
  Create(LineModel("line"));
  BackupStream stream = client_->Backup();
  ASSERT_TRUE(stream.Read().has_value());
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(client_->Call(StepOf("line", LineBatch(4, 1))).ok());
  EXPECT_TRUE(stream.Finish().ok());
}

}  // namespace
}  // namespace descent::testing
