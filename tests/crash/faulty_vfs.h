// SQLite's way to a SimulatedDisk.

#ifndef TESTS_CRASH_FAULTY_VFS_H_
#define TESTS_CRASH_FAULTY_VFS_H_

#include <memory>

#include "tests/crash/simulated_disk.h"

namespace descent::crash {

// Registers the disk as a file system of SQLite's, under a name of its own, as long as it lives.
//
// Made for one connection with locking_mode=EXCLUSIVE: locks always succeed, and there is no shared
// memory, without which SQLite takes WAL from an exclusive connection only. Sector size and
// promises are those that SQLite assumes of real disks on Unix.
class FaultyVfs {
 public:
  // The disk must outlive this, and this every connection.
  explicit FaultyVfs(SimulatedDisk* disk);
  ~FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  const char* name() const;

 private:
  struct Registration;
  const std::unique_ptr<Registration> registration_;
};

}  // namespace descent::crash

#endif  // TESTS_CRASH_FAULTY_VFS_H_
