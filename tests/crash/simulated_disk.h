// A disk in memory that forgets what was not synced when the power is cut, and fails on request.
//
// Writes and truncations of a file, and changes of the directory, stay pending until they are
// synced. When the power is cut, of everything pending a random part has reached the platter: of a
// write any of its 512-byte sectors, a truncation or a change of the directory or not; what did
// is applied in its order. So writes are lost, torn and reordered as disks and file systems may.
//
// There is one directory. A file's sync covers its data. The directory is synced as SQLite's own
// file system for Unix does it: by the first sync of a journal or log file that was newly made, and
// by a deletion that asks for it. Other syncs leave new names pending, as POSIX allows.

#ifndef TESTS_CRASH_SIMULATED_DISK_H_
#define TESTS_CRASH_SIMULATED_DISK_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace descent::crash {

// What is counted, and can fail.
enum class Operation : std::uint8_t { kOpen, kRead, kWrite, kTruncate, kSync, kDelete };

enum class FaultKind : std::uint8_t {
  kError,         // nothing is done
  kFull,          // a write finds the disk full: nothing is written
  kShortWrite,    // a write ends in the middle, with an error
  kPowerCut,      // the power goes in the middle of it: nothing works any more
  kKill,          // the process is killed in the middle of it
  kLoseUnsynced,  // a sync fails and what it should have synced never will be, as on Linux
};
inline constexpr FaultKind kAllFaultKinds[] = {FaultKind::kError,      FaultKind::kFull,
                                               FaultKind::kShortWrite, FaultKind::kPowerCut,
                                               FaultKind::kKill,       FaultKind::kLoseUnsynced};

std::string_view NameOf(FaultKind kind);

// Whether the kind is one of its own for the operation. On others it acts as kError.
bool Fits(FaultKind kind, Operation operation);
// kPowerCut and kKill.
bool EndsTheProcess(FaultKind kind);

struct Fault {
  FaultKind kind = FaultKind::kError;
  std::int64_t at = 0;   // the operation's number since Arm, from 1
  bool forever = false;  // also every later operation that the kind fits
};

std::ostream& operator<<(std::ostream& out, const Fault& fault);

// Thread-safe. Results are SQLite's codes.
class SimulatedDisk {
  struct File;

 public:
  explicit SimulatedDisk(std::uint64_t seed) : random_(seed) {}

  // Counts operations from here, and fails as said.
  void Arm(std::optional<Fault> fault);
  // The operations since Arm.
  std::vector<Operation> operations() const;
  // Whether the fault has come.
  bool HasFailed() const;

  // From here on nothing works for those who use the disk: the process is killed, or the machine
  // has no power.
  void KillProcess();
  void CutPower();
  // Makes the disk work again, without faults, for those who open files from now on: after a power
  // cut with what had reached the platter, otherwise with everything that was written, of which
  // unsynced changes stay unsynced.
  void Restart();

  // What is on the disk: names and contents, with everything synced. A disk that is given an image
  // is as after Restart.
  using Image = std::map<std::string, std::string>;
  Image GetImage() const;
  void SetImage(const Image& image);

  // For the file system.

  class Handle {
   private:
    friend class SimulatedDisk;
    std::shared_ptr<File> file;
    std::int64_t epoch = 0;
    bool syncs_directory = false;
  };

  // `create`: makes the file if it is not there. `is_journal`: see above. An empty name: a
  // temporary file.
  int Open(const std::string& name, bool create, bool is_journal, Handle* handle);
  // SQLITE_IOERR_SHORT_READ, and zeros, beyond the end.
  int Read(const Handle& handle, std::int64_t offset, char* bytes, std::int64_t size);
  int Write(const Handle& handle, std::int64_t offset, std::string_view bytes);
  int Truncate(const Handle& handle, std::int64_t size);
  int Sync(Handle* handle);
  int Size(const Handle& handle, std::int64_t* size) const;
  int Delete(const std::string& name, bool sync_directory);
  bool Exists(const std::string& name) const;
  // What a program does by itself that syncs the directory past SQLite.
  void SyncNames();

 private:
  // A write, or (without bytes) a truncation.
  struct Change {
    std::int64_t offset = 0;
    std::optional<std::string> bytes;
  };
  struct File {
    std::string synced;
    std::string current;
    std::vector<Change> pending;  // what leads from `synced` to `current`, unless a sync lost it
  };
  struct NameChange {
    std::string name;
    std::shared_ptr<File> file;  // null: deleted
  };
  using Names = std::map<std::string, std::shared_ptr<File>>;

  // Counts an operation; the fault that it meets, if any.
  std::optional<FaultKind> Count(Operation operation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsDead(const Handle& handle) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Put(File* file, Change change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ChangeName(NameChange change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SyncDirectory() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool TossCoin() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return (random_() & 1) != 0; }
  // A random length, less than the whole, at which the write may break off: the end of a sector.
  std::int64_t PartOf(std::int64_t offset, std::int64_t size) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void KeepWhatReachedThePlatter() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void KeepSectors(const Change& change, std::string* contents)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex_);
  std::optional<Fault> fault_ ABSL_GUARDED_BY(mutex_);
  bool has_failed_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Operation> operations_ ABSL_GUARDED_BY(mutex_);
  enum class State : std::uint8_t { kWorking, kKilled, kNoPower };
  State state_ ABSL_GUARDED_BY(mutex_) = State::kWorking;
  std::int64_t epoch_ ABSL_GUARDED_BY(mutex_) = 0;  // of those who may use the disk
  Names names_ ABSL_GUARDED_BY(mutex_);
  Names synced_names_ ABSL_GUARDED_BY(mutex_);
  std::vector<NameChange> pending_names_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::crash

#endif  // TESTS_CRASH_SIMULATED_DISK_H_
