// Bits that flip, and logs that are torn: whatever is changed in the files, either the same state
// is recovered or the damage is reported. Never is it another state.

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/live_model.h"
#include "tests/store/store_fixture.h"
#include "tests/support/status_matchers.h"

namespace descent::store {
namespace {

using ::descent::testing::IsOk;
using ::descent::testing::StatusIs;
using ::testing::Eq;
using ::testing::Gt;
using ::testing::HasSubstr;

constexpr std::size_t kPage = 65536;
constexpr std::size_t kFrame = kPage + 24;
constexpr std::size_t kLogHeader = 32;

// Builds with checks are slow, so they try fewer bits.
#ifdef NDEBUG
constexpr std::size_t kEvery = 1;
#else
constexpr std::size_t kEvery = 13;
#endif

std::string ReadFile(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

// A store's two files; the log may be empty. Beside a log there is the journal's, of no bytes.
struct Files {
  std::string database;
  std::string log;
};

class DamageTest : public StoreFixture {
 protected:
  enum Outcome { kSame, kRefused, kModelDamaged, kOther };

  Files ReadFiles() const {
    return {ReadFile(options_.directory + "/descent.db"),
            ReadFile(options_.directory + "/descent.db-wal")};
  }

  // All is in the database and SQLite's log: journal_log_test.cc looks at the other one.
  void OpenWithoutJournalLog() {
    options_.journal_log_bytes = 0;
    Open();
  }

  // What opening these files without changing them leads to.
  Outcome Try(const Files& files) {
    std::filesystem::create_directories(trial_.path());
    std::ofstream(trial_.path() + "/descent.db", std::ios::binary) << files.database;
    if (files.log.empty()) {
      std::filesystem::remove(trial_.path() + "/descent.db-wal");
    } else {
      std::ofstream(trial_.path() + "/descent.db-wal", std::ios::binary) << files.log;
      std::ofstream(trial_.path() + "/journal.0", std::ios::binary);
    }
    SqliteStoreOptions options = options_;
    options.directory = trial_.path();
    options.read_only = true;
    const auto store = OpenSqliteStore(options);
    if (!store.ok()) {
      said_ = std::string(store.status().message());
      return kRefused;
    }
    std::map<std::string, ModelState> found;
    bool damaged = false;
    for (const auto& stored : (*store)->TakeStoredModels()) {
      const auto model = LiveModel::Recover(stored.get());
      if (model.ok()) {
        found[stored->name()] = (*model)->State();
      } else if (absl::IsDataLoss(model.status()) && expected_.contains(stored->name())) {
        damaged = true;
        said_ = std::string(model.status().message());
        found[stored->name()] = expected_[stored->name()];
      } else {
        said_ = std::string(model.status().message());
        return kOther;
      }
    }
    if (found != expected_) return kOther;
    return damaged ? kModelDamaged : kSame;
  }

  // Tries the files with each of these bits flipped.
  void TryBits(const Files& files, std::string Files::*which,
               const std::vector<std::size_t>& bits) {
    for (std::size_t i = 0; i < bits.size(); i += kEvery) {
      const std::size_t bit = bits[i];
      Files flipped = files;
      std::string& bytes = flipped.*which;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
      const Outcome outcome = Try(flipped);
      ++outcomes_[outcome];
      ASSERT_THAT(outcome, ::testing::Ne(kOther))
          << "bit " << bit % 8 << " of byte " << bit / 8 << ": " << said_;
    }
  }

  // Several models with all that belongs to them, and free pages.
  void Fill(int steps) {
    OpenWithoutJournalLog();
    auto a = Create(SampleSettings("a"));
    auto b = Create(SampleSettings("b", Durability::kJournal, {300, 90, 2}));
    auto removed = Create(SampleSettings("removed", Durability::kJournal, {300, 90, 2}));
    EXPECT_THAT(removed->SaveNow(true), IsOk());
    EXPECT_THAT(Await<std::int64_t>([&](OnStored done) {
                  removed->journal().Remove(AnsweredRequest{"r", 1}, std::move(done));
                }),
                IsOk());
    for (int i = 1; i <= steps; ++i) {
      EXPECT_THAT(a->StepNow(static_cast<std::uint64_t>(i)), IsOk());
      EXPECT_THAT(b->StepNow(static_cast<std::uint64_t>(i)), IsOk());
      if (i == steps / 2) {
        EXPECT_THAT(b->SaveNow(true), IsOk());
      }
      if (i == steps / 3) {
        EXPECT_THAT(a->SaveNow(true), IsOk());
      }
    }
    EXPECT_THAT(Await<std::int64_t>([&](OnStored done) { b->SetParameters(5, std::move(done)); }),
                IsOk());
    EXPECT_THAT(b->RestoreNow(steps / 2), IsOk());
    EXPECT_THAT(a->StepNow(99), IsOk());
    expected_ = {{"a", a->State()}, {"b", b->State()}};
  }

  TemporaryDirectory trial_;
  std::map<std::string, ModelState> expected_;
  std::map<Outcome, int> outcomes_;
  std::string said_;
};

std::vector<std::size_t> BitsOfBytes(std::size_t begin, std::size_t end) {
  std::vector<std::size_t> bits;
  for (std::size_t bit = 8 * begin; bit < 8 * end; ++bit) bits.push_back(bit);
  return bits;
}

TEST_F(DamageTest, ABitOfTheDatabaseIsHarmlessOrReported) {
  Fill(9);
  store_ = nullptr;
  const Files files = ReadFiles();
  ASSERT_THAT(files.log, Eq(""));
  ASSERT_THAT(Try(files), Eq(kSame));
  TryBits(files, &Files::database, BitsOfBytes(0, 100));
  std::mt19937_64 random(1);
  std::vector<std::size_t> bits;
  for (std::size_t page = 0; page * kPage < files.database.size(); ++page) {
    const std::size_t begin = page * kPage;
    const std::size_t header = page == 0 ? 100 : 0;
    // A page's head, where its cells are listed, and its end, where they lie, are the fullest.
    for (int i = 0; i < 24; ++i)
      bits.push_back(8 * (begin + header + random() % 64) + random() % 8);
    for (int i = 0; i < 40; ++i)
      bits.push_back(8 * (begin + kPage - 1 - random() % 3000) + random() % 8);
    for (int i = 0; i < 16; ++i) bits.push_back(8 * (begin + random() % kPage) + random() % 8);
  }
  TryBits(files, &Files::database, bits);
  // All three happen, or the test looks at the wrong places.
  EXPECT_THAT(outcomes_[kSame], Gt(0));
  EXPECT_THAT(outcomes_[kRefused], Gt(0));
  EXPECT_THAT(outcomes_[kModelDamaged], Gt(0));
}

TEST_F(DamageTest, ABitOfTheLogIsHarmlessOrReported) {
  Fill(6);
  const Files files = ReadFiles();  // as a crash would leave them
  store_ = nullptr;
  const std::size_t frames = (files.log.size() - kLogHeader) / kFrame;
  ASSERT_THAT(frames, Gt(20));
  ASSERT_THAT(Try(files), Eq(kSame));
  TryBits(files, &Files::log, BitsOfBytes(0, kLogHeader));
  EXPECT_THAT(outcomes_[kSame], Eq(0));
  std::mt19937_64 random(2);
  std::vector<std::size_t> bits;
  for (std::size_t frame = 0; frame < frames; ++frame) {
    const std::size_t begin = kLogHeader + frame * kFrame;
    for (int i = 0; i < 8; ++i) bits.push_back(8 * (begin + random() % 24) + random() % 8);
    for (int i = 0; i < 8; ++i) bits.push_back(8 * (begin + random() % kFrame) + random() % 8);
  }
  // All of the last commit's, which could be taken for torn.
  const std::vector<std::size_t> last =
      BitsOfBytes(files.log.size() - kFrame, files.log.size() - kFrame + 24);
  bits.insert(bits.end(), last.begin(), last.end());
  TryBits(files, &Files::log, bits);
  EXPECT_THAT(outcomes_[kSame], Eq(0)) << "every frame counts in a log that began anew";
}

TEST_F(DamageTest, MoreThanABitOfTheLogIsReportedUnlessItIsTheLastCommit) {
  Fill(6);
  const Files files = ReadFiles();
  store_ = nullptr;
  const std::size_t frames = (files.log.size() - kLogHeader) / kFrame;
  int torn = 0;
  for (std::size_t frame = 0; frame < frames; ++frame) {
    Files damaged = files;
    damaged.log.replace(kLogHeader + frame * kFrame + 8192, 4096, std::string(4096, '\x5a'));
    const Outcome outcome = Try(damaged);
    if (outcome == kOther) {
      ++torn;
    } else {
      EXPECT_THAT(outcome, Eq(kRefused)) << "frame " << frame;
    }
  }
  // What the last commit wrote may be lost, and no more.
  EXPECT_THAT(torn, ::testing::Le(2));
}

TEST_F(DamageTest, ATornLastCommitIsTakenBack) {
  OpenWithoutJournalLog();
  auto model = Create(SampleSettings("a", Durability::kJournal, {300, 90, 2}));
  EXPECT_THAT(model->StepNow(1), IsOk());
  const ModelState before = model->State();
  const std::size_t log_before = ReadFiles().log.size();
  EXPECT_THAT(Await<std::int64_t>([&](OnStored done) { model->SetParameters(2, std::move(done)); }),
              IsOk());
  const ModelState after = model->State();
  const Files files = ReadFiles();
  model = nullptr;
  store_ = nullptr;
  ASSERT_THAT(files.log.size(), Gt(log_before + 2 * kFrame));
  expected_ = {{"a", after}};
  ASSERT_THAT(Try(files), Eq(kSame));
  expected_ = {{"a", before}};
  // Its end is missing.
  for (std::size_t size = log_before; size < files.log.size(); size += kEvery * 9973) {
    EXPECT_THAT(Try({files.database, files.log.substr(0, size)}), Eq(kSame)) << size << said_;
  }
  // Any of its sectors are, while later ones have been written.
  std::mt19937_64 random(3);
  for (std::size_t i = 0; i < 60; i += kEvery) {
    Files torn = files;
    for (std::size_t k = 0; k < 1 + i % 5; ++k) {
      const std::size_t sector =
          log_before / 512 + 1 + random() % ((files.log.size() - log_before) / 512 - 2);
      torn.log.replace(sector * 512, 512, std::string(512, '\0'));
    }
    if (torn.log == files.log) continue;
    EXPECT_THAT(Try(torn), Eq(kSame)) << i << said_;
  }
}

// What a commit that failed has left must not make a later torn commit look like damage, nor may
// old frames of the log that went around.
TEST_F(DamageTest, OldFramesBehindTheEndAreNothing) {
  OpenWithoutJournalLog();
  auto model = Create(SampleSettings("a"));
  for (std::uint64_t seed = 1; seed <= 10; ++seed) EXPECT_THAT(model->StepNow(seed), IsOk());
  const Files long_log = ReadFiles();
  absl::SleepFor(absl::Milliseconds(2500));  // the log is moved, and begins anew
  EXPECT_THAT(model->StepNow(11), IsOk());
  expected_ = {{"a", model->State()}};
  const Files files = ReadFiles();
  ASSERT_THAT(files.log.size(), ::testing::Ge(long_log.log.size()));
  EXPECT_THAT(Try(files), Eq(kSame)) << said_;
}

}  // namespace
}  // namespace descent::store
