#include "tests/crash/faulty_vfs.h"

#include <sqlite3.h>

#include <atomic>
#include <cstring>
#include <new>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/check.h"

namespace descent::crash {
namespace {

// What SQLite takes for an open file: it allocates szOsFile bytes of it and looks at `base` alone.
struct OpenFile {
  sqlite3_file base;
  SimulatedDisk* disk;
  SimulatedDisk::Handle handle;
  std::string deleted_on_close;  // a name, or empty
};

OpenFile* Of(sqlite3_file* file) { return reinterpret_cast<OpenFile*>(file); }

int Close(sqlite3_file* file) {
  OpenFile* const open = Of(file);
  if (!open->deleted_on_close.empty()) open->disk->Delete(open->deleted_on_close, false);
  open->~OpenFile();
  return SQLITE_OK;
}

int Read(sqlite3_file* file, void* bytes, int size, sqlite3_int64 offset) {
  return Of(file)->disk->Read(Of(file)->handle, offset, static_cast<char*>(bytes), size);
}

int Write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  return Of(file)->disk->Write(
      Of(file)->handle, offset,
      std::string_view(static_cast<const char*>(bytes), static_cast<std::size_t>(size)));
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  return Of(file)->disk->Truncate(Of(file)->handle, size);
}

int Sync(sqlite3_file* file, int /*flags*/) { return Of(file)->disk->Sync(&Of(file)->handle); }

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  std::int64_t bytes = 0;
  const int result = Of(file)->disk->Size(Of(file)->handle, &bytes);
  *size = bytes;
  return result;
}

int Lock(sqlite3_file* /*file*/, int /*level*/) { return SQLITE_OK; }

int CheckReservedLock(sqlite3_file* /*file*/, int* is_reserved) {
  *is_reserved = 0;
  return SQLITE_OK;
}

int FileControl(sqlite3_file* /*file*/, int /*operation*/, void* /*argument*/) {
  return SQLITE_NOTFOUND;
}

int SectorSize(sqlite3_file* /*file*/) { return 4096; }

int DeviceCharacteristics(sqlite3_file* /*file*/) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

const sqlite3_io_methods kMethods = {
    .iVersion = 1,  // neither shared memory nor memory-mapped files
    .xClose = Close,
    .xRead = Read,
    .xWrite = Write,
    .xTruncate = Truncate,
    .xSync = Sync,
    .xFileSize = FileSize,
    .xLock = Lock,
    .xUnlock = Lock,
    .xCheckReservedLock = CheckReservedLock,
    .xFileControl = FileControl,
    .xSectorSize = SectorSize,
    .xDeviceCharacteristics = DeviceCharacteristics,
    .xShmMap = nullptr,
    .xShmLock = nullptr,
    .xShmBarrier = nullptr,
    .xShmUnmap = nullptr,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

SimulatedDisk* DiskOf(sqlite3_vfs* vfs) { return static_cast<SimulatedDisk*>(vfs->pAppData); }

int Open(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* file, int flags, int* out_flags) {
  file->pMethods = nullptr;  // SQLite closes what has methods, even if opening has failed
  SimulatedDisk::Handle handle;
  const std::string path = name == nullptr ? "" : name;
  const bool is_journal =
      (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL)) != 0;
  const int result =
      DiskOf(vfs)->Open(path, (flags & SQLITE_OPEN_CREATE) != 0, is_journal, &handle);
  if (result != SQLITE_OK) return result;
  auto* const open = new (file) OpenFile{.base = {.pMethods = &kMethods},
                                         .disk = DiskOf(vfs),
                                         .handle = std::move(handle),
                                         .deleted_on_close = {}};
  if ((flags & SQLITE_OPEN_DELETEONCLOSE) != 0) open->deleted_on_close = path;
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int Delete(sqlite3_vfs* vfs, const char* name, int sync_directory) {
  return DiskOf(vfs)->Delete(name, sync_directory != 0);
}

int Access(sqlite3_vfs* vfs, const char* name, int /*flags*/, int* result) {
  *result = DiskOf(vfs)->Exists(name) ? 1 : 0;
  return SQLITE_OK;
}

int FullPathname(sqlite3_vfs* /*vfs*/, const char* name, int size, char* full) {
  sqlite3_snprintf(size, full, "%s", name);
  return SQLITE_OK;
}

// The platform's.
sqlite3_vfs* Default() { return sqlite3_vfs_find(nullptr); }

int Randomness(sqlite3_vfs* /*vfs*/, int size, char* bytes) {
  return Default()->xRandomness(Default(), size, bytes);
}

int Sleep(sqlite3_vfs* /*vfs*/, int microseconds) { return microseconds; }

int CurrentTime(sqlite3_vfs* /*vfs*/, double* days) {
  return Default()->xCurrentTime(Default(), days);
}

int GetLastError(sqlite3_vfs* /*vfs*/, int /*size*/, char* /*message*/) { return 0; }

}  // namespace

struct FaultyVfs::Registration {
  std::string name;
  sqlite3_vfs vfs;
};

FaultyVfs::FaultyVfs(SimulatedDisk* disk) : registration_(std::make_unique<Registration>()) {
  static std::atomic<int> number{0};
  registration_->name = absl::StrCat("simulated-disk-", number++);
  sqlite3_vfs& vfs = registration_->vfs;
  std::memset(&vfs, 0, sizeof vfs);
  vfs.iVersion = 1;
  vfs.szOsFile = sizeof(OpenFile);
  vfs.mxPathname = 512;
  vfs.zName = registration_->name.c_str();
  vfs.pAppData = disk;
  vfs.xOpen = Open;
  vfs.xDelete = Delete;
  vfs.xAccess = Access;
  vfs.xFullPathname = FullPathname;
  vfs.xRandomness = Randomness;
  vfs.xSleep = Sleep;
  vfs.xCurrentTime = CurrentTime;
  vfs.xGetLastError = GetLastError;
  DESCENT_CHECK(sqlite3_vfs_register(&vfs, /*makeDflt=*/0) == SQLITE_OK);
}

FaultyVfs::~FaultyVfs() { sqlite3_vfs_unregister(&registration_->vfs); }

const char* FaultyVfs::name() const { return registration_->vfs.zName; }

}  // namespace descent::crash
