// The disk keeps what was synced, and of the rest every part that a disk may keep.

#include "tests/crash/simulated_disk.h"

#include <sqlite3.h>

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent::crash {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

// One file on a disk, opened.
struct OpenedFile {
  explicit OpenedFile(SimulatedDisk* on, const std::string& name = "f", bool is_journal = true)
      : disk(on) {
    EXPECT_EQ(disk->Open(name, /*create=*/true, is_journal, &handle), SQLITE_OK);
  }
  int Write(std::int64_t offset, const std::string& bytes) {
    return disk->Write(handle, offset, bytes);
  }
  int Sync() { return disk->Sync(&handle); }
  std::string Contents() {
    std::int64_t size = 0;
    EXPECT_EQ(disk->Size(handle, &size), SQLITE_OK);
    std::string bytes(static_cast<std::size_t>(size), '\0');
    EXPECT_EQ(disk->Read(handle, 0, bytes.data(), size), SQLITE_OK);
    return bytes;
  }

  SimulatedDisk* disk;
  SimulatedDisk::Handle handle;
};

// All that may be on the disk after a power cut behind what `work` did to a file with the contents
// "old", by many seeds.
template <typename Work>
std::set<std::string> OutcomesOf(Work work, const std::string& old) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SimulatedDisk disk(seed);
    OpenedFile file(&disk);
    file.Write(0, old);
    EXPECT_EQ(file.Sync(), SQLITE_OK);
    work(file);
    disk.CutPower();
    disk.Restart();
    outcomes.insert(disk.GetImage().at("f"));
  }
  return outcomes;
}

TEST(SimulatedDiskTest, ReadsWhatWasWritten) {
  SimulatedDisk disk(1);
  OpenedFile file(&disk);
  EXPECT_EQ(file.Write(2, "abc"), SQLITE_OK);
  EXPECT_EQ(file.Contents(), std::string("\0\0abc", 5));
  EXPECT_EQ(disk.Truncate(file.handle, 3), SQLITE_OK);
  EXPECT_EQ(file.Contents(), std::string("\0\0a", 3));
  char bytes[4];
  EXPECT_EQ(disk.Read(file.handle, 2, bytes, 4), SQLITE_IOERR_SHORT_READ);
  EXPECT_EQ(std::string(bytes, 4), std::string("a\0\0\0", 4));
}

TEST(SimulatedDiskTest, APowerCutLosesNothingThatWasSynced) {
  const auto outcomes = OutcomesOf(
      [](OpenedFile& file) {
        file.Write(0, "new");
        file.Sync();
      },
      "old");
  EXPECT_THAT(outcomes, UnorderedElementsAre("new"));
}

TEST(SimulatedDiskTest, APowerCutKeepsAnyPartOfWhatWasNotSynced) {
  const auto outcomes = OutcomesOf(
      [](OpenedFile& file) {
        file.Write(0, "aa");
        file.Write(1, "bb");
      },
      "...");
  EXPECT_THAT(outcomes, UnorderedElementsAre("...", "aa.", ".bb", "abb"));
}

TEST(SimulatedDiskTest, WritesTearAtSectors) {
  const std::string old(1024, '.');
  const auto outcomes =
      OutcomesOf([](OpenedFile& file) { file.Write(510, std::string(4, 'x')); }, old);
  std::set<std::string> expected = {old};
  for (const std::string middle : {"xx..", "..xx", "xxxx"}) {
    expected.insert(std::string(510, '.') + middle + std::string(510, '.'));
  }
  EXPECT_EQ(outcomes, expected);
}

TEST(SimulatedDiskTest, TruncationsAreKeptOrNot) {
  const auto outcomes =
      OutcomesOf([](OpenedFile& file) { file.disk->Truncate(file.handle, 1); }, "old");
  EXPECT_THAT(outcomes, UnorderedElementsAre("o", "old"));
}

TEST(SimulatedDiskTest, AKilledProcessLosesNothingButItsAccess) {
  SimulatedDisk disk(1);
  OpenedFile file(&disk);
  file.Write(0, "abc");
  disk.KillProcess();
  EXPECT_EQ(file.Write(0, "x"), SQLITE_IOERR_WRITE);
  disk.Restart();
  EXPECT_EQ(file.Write(0, "x"), SQLITE_IOERR_WRITE);
  OpenedFile again(&disk);
  EXPECT_EQ(again.Contents(), "abc");
  // What it had not synced still is not.
  int lost = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SimulatedDisk other(seed);
    OpenedFile synced(&other);
    synced.Sync();
    synced.Write(0, "abc");
    other.KillProcess();
    other.Restart();
    other.CutPower();
    other.Restart();
    if (other.GetImage().at("f").empty()) ++lost;
  }
  EXPECT_GT(lost, 10);
  EXPECT_LT(lost, 40);
}

TEST(SimulatedDiskTest, NamesLastWhenTheDirectoryIsSynced) {
  int synced = 0;
  int unsynced = 0;
  int undeleted = 0;
  int deleted = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SimulatedDisk disk(seed);
    OpenedFile old(&disk, "old");
    OpenedFile gone(&disk, "gone");
    old.Sync();
    OpenedFile(&disk, "main", /*is_journal=*/false).Sync();
    disk.Delete("old", /*sync_directory=*/false);
    SimulatedDisk with_journal(seed);
    OpenedFile(&with_journal, "main", /*is_journal=*/false).Sync();
    OpenedFile(&with_journal, "journal").Sync();
    OpenedFile(&with_journal, "other", /*is_journal=*/false).Sync();
    with_journal.SyncNames();
    with_journal.CutPower();
    with_journal.Restart();
    EXPECT_TRUE(with_journal.Exists("other"));
    synced += with_journal.Exists("main") && with_journal.Exists("journal") ? 1 : 0;
    disk.CutPower();
    disk.Restart();
    unsynced += disk.Exists("main") ? 1 : 0;
    undeleted += disk.Exists("old") ? 1 : 0;
    EXPECT_TRUE(disk.Exists("gone"));
    disk.Delete("gone", /*sync_directory=*/true);
    disk.CutPower();
    disk.Restart();
    deleted += disk.Exists("gone") ? 0 : 1;
  }
  EXPECT_EQ(synced, 50);
  EXPECT_EQ(deleted, 50);
  for (const int sometimes : {unsynced, undeleted}) {
    EXPECT_GT(sometimes, 10);
    EXPECT_LT(sometimes, 40);
  }
}

TEST(SimulatedDiskTest, FailsTheOperationItWasToldTo) {
  SimulatedDisk disk(1);
  disk.Arm(Fault{FaultKind::kError, 3});
  OpenedFile file(&disk);
  EXPECT_EQ(file.Write(0, "a"), SQLITE_OK);
  EXPECT_FALSE(disk.HasFailed());
  EXPECT_EQ(file.Write(0, "b"), SQLITE_IOERR_WRITE);
  EXPECT_TRUE(disk.HasFailed());
  EXPECT_EQ(file.Sync(), SQLITE_OK);
  EXPECT_EQ(file.Contents(), "a");
  EXPECT_THAT(disk.operations(), ElementsAre(Operation::kOpen, Operation::kWrite, Operation::kWrite,
                                             Operation::kSync, Operation::kRead));
}

TEST(SimulatedDiskTest, FailsForEverWhereTheKindFits) {
  SimulatedDisk disk(1);
  OpenedFile file(&disk);
  disk.Arm(Fault{FaultKind::kFull, 1, /*forever=*/true});
  EXPECT_EQ(file.Write(0, "a"), SQLITE_FULL);
  EXPECT_EQ(file.Sync(), SQLITE_OK);
  EXPECT_EQ(file.Write(0, "a"), SQLITE_FULL);
  disk.Arm(Fault{FaultKind::kError, 1, /*forever=*/true});
  EXPECT_EQ(file.Write(0, "a"), SQLITE_IOERR_WRITE);
  EXPECT_EQ(file.Sync(), SQLITE_IOERR_FSYNC);
  EXPECT_EQ(disk.Truncate(file.handle, 0), SQLITE_IOERR_TRUNCATE);
  EXPECT_EQ(disk.Delete("f", false), SQLITE_IOERR_DELETE);
  SimulatedDisk::Handle other;
  EXPECT_EQ(disk.Open("f", false, false, &other), SQLITE_CANTOPEN);
  disk.Arm(std::nullopt);
  EXPECT_EQ(file.Write(0, "a"), SQLITE_OK);
}

TEST(SimulatedDiskTest, AShortWriteWritesAPart) {
  std::set<std::string> outcomes;
  std::set<int> results;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SimulatedDisk disk(seed);
    OpenedFile file(&disk);
    disk.Arm(Fault{FaultKind::kShortWrite, 1});
    results.insert(file.Write(1, std::string(1200, 'a')));
    outcomes.insert(file.Contents());
  }
  const auto part = [](std::size_t size) { return std::string(1, '\0') + std::string(size, 'a'); };
  EXPECT_THAT(outcomes, UnorderedElementsAre("", part(511), part(1023)));
  EXPECT_THAT(results, UnorderedElementsAre(SQLITE_FULL, SQLITE_IOERR_WRITE));
}

TEST(SimulatedDiskTest, ThePowerGoesInTheMiddleOfAWrite) {
  SimulatedDisk disk(1);
  OpenedFile file(&disk);
  const std::string old(1024, '.');
  file.Write(0, old);
  file.Sync();
  disk.Arm(Fault{FaultKind::kPowerCut, 1});
  EXPECT_EQ(file.Write(0, std::string(1024, 'x')), SQLITE_IOERR_WRITE);
  EXPECT_EQ(file.Sync(), SQLITE_IOERR_FSYNC);
  disk.Restart();
  const std::string first = std::string(512, 'x') + std::string(512, '.');
  EXPECT_THAT(disk.GetImage(), ElementsAre(Pair("f", ::testing::AnyOf(old, first))));
}

TEST(SimulatedDiskTest, AFailedSyncMayLoseForEverWhatIsStillRead) {
  const auto outcomes = OutcomesOf(
      [](OpenedFile& file) {
        file.Write(0, "new");
        file.disk->Arm(Fault{FaultKind::kLoseUnsynced, 1});
        EXPECT_EQ(file.Sync(), SQLITE_IOERR_FSYNC);
        EXPECT_EQ(file.Contents(), "new");
        EXPECT_EQ(file.Sync(), SQLITE_OK);
      },
      "old");
  EXPECT_THAT(outcomes, UnorderedElementsAre("old"));
}

TEST(SimulatedDiskTest, AnImageIsWhatWasWrittenAndIsSynced) {
  SimulatedDisk disk(1);
  OpenedFile file(&disk);
  file.Write(0, "abc");
  SimulatedDisk copy(2);
  copy.SetImage(disk.GetImage());
  copy.CutPower();
  copy.Restart();
  EXPECT_THAT(copy.GetImage(), ElementsAre(Pair("f", "abc")));
}

}  // namespace
}  // namespace descent::crash
