#include "tests/store/failing_vfs.h"

#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "core/check.h"

namespace descent::store {
namespace {

// A file of the platform's file system behind ours: SQLite gives the memory for both.
struct File {
  sqlite3_file base;
  FailingVfs* failures;
  sqlite3_file* real;  // right behind
};

File* FileOf(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
sqlite3_file* RealOf(sqlite3_file* file) { return FileOf(file)->real; }

int Close(sqlite3_file* file) { return RealOf(file)->pMethods->xClose(RealOf(file)); }

int Read(sqlite3_file* file, void* bytes, int size, sqlite3_int64 offset) {
  const int result = FileOf(file)->failures->read_result;
  if (result != SQLITE_OK) return result;
  return RealOf(file)->pMethods->xRead(RealOf(file), bytes, size, offset);
}

int Write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  FailingVfs* failures = FileOf(file)->failures;
  ++failures->writes;
  if (failures->write_result != SQLITE_OK && failures->writes_before-- <= 0) {
    return failures->write_result;
  }
  return RealOf(file)->pMethods->xWrite(RealOf(file), bytes, size, offset);
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  return RealOf(file)->pMethods->xTruncate(RealOf(file), size);
}

int Sync(sqlite3_file* file, int flags) {
  FailingVfs* failures = FileOf(file)->failures;
  ++failures->syncs;
  if (failures->sync_result != SQLITE_OK) return failures->sync_result;
  return RealOf(file)->pMethods->xSync(RealOf(file), flags);
}

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  return RealOf(file)->pMethods->xFileSize(RealOf(file), size);
}
int Lock(sqlite3_file* file, int level) {
  return RealOf(file)->pMethods->xLock(RealOf(file), level);
}
int Unlock(sqlite3_file* file, int level) {
  return RealOf(file)->pMethods->xUnlock(RealOf(file), level);
}
int CheckReservedLock(sqlite3_file* file, int* result) {
  return RealOf(file)->pMethods->xCheckReservedLock(RealOf(file), result);
}
int FileControl(sqlite3_file* file, int operation, void* argument) {
  return RealOf(file)->pMethods->xFileControl(RealOf(file), operation, argument);
}
int SectorSize(sqlite3_file* file) { return RealOf(file)->pMethods->xSectorSize(RealOf(file)); }
int DeviceCharacteristics(sqlite3_file* file) {
  return RealOf(file)->pMethods->xDeviceCharacteristics(RealOf(file));
}

// Version 1: without shared memory, which a store never needs.
const sqlite3_io_methods kMethods = {1,
                                     Close,
                                     Read,
                                     Write,
                                     Truncate,
                                     Sync,
                                     FileSize,
                                     Lock,
                                     Unlock,
                                     CheckReservedLock,
                                     FileControl,
                                     SectorSize,
                                     DeviceCharacteristics,
                                     nullptr,
                                     nullptr,
                                     nullptr,
                                     nullptr,
                                     nullptr,
                                     nullptr};

sqlite3_vfs* Platform() { return sqlite3_vfs_find(nullptr); }

int Open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
  File* ours = FileOf(file);
  ours->base.pMethods = nullptr;
  ours->failures = static_cast<FailingVfs*>(vfs->pAppData);
  ours->real = reinterpret_cast<sqlite3_file*>(ours + 1);
  const int result = Platform()->xOpen(Platform(), path, ours->real, flags, out_flags);
  if (ours->real->pMethods != nullptr) ours->base.pMethods = &kMethods;
  return result;
}

}  // namespace

FailingVfs::FailingVfs() : vfs_(*Platform()) {
  static std::atomic<int> made = 0;
  name_ = absl::StrCat("failing-", made++);
  vfs_.pNext = nullptr;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.szOsFile = static_cast<int>(sizeof(File)) + Platform()->szOsFile;
  vfs_.xOpen = Open;
  DESCENT_CHECK(sqlite3_vfs_register(&vfs_, 0) == SQLITE_OK);
}

FailingVfs::~FailingVfs() { sqlite3_vfs_unregister(&vfs_); }

}  // namespace descent::store
