// Tells the thread sanitizer what Abseil's locks order.
//
// The packaged Abseil is not instrumented, so the sanitizer would see no order between two holders
// of an absl::Mutex and report every use as a race. These functions take the place of Abseil's in a
// test program (the dynamic linker prefers the program's own), call the library's, and announce the
// order: what happened before a release happened before the next acquire. They are linked into the
// tests of a thread-sanitizer build and nothing else.
//
// What the library does with its own memory, under locks and counters that the sanitizer does not
// see either, is suppressed: the bookkeeping of its locks, and the shared contents of a Status.
//
// Conditions of other threads run inside a thread's Unlock, after its release was announced; the
// sanitizer is told to ignore the reads there, which the lock still guards.

#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <cstdio>
#include <cstdlib>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
}

extern "C" const char* __tsan_default_suppressions() {
  return "race:libabsl_malloc_internal.so\n"
         "race:libabsl_graphcycles_internal.so\n"
         "race:libabsl_status.so\n"
         "race:libabsl_cord.so\n";
}

namespace {

// The library's version of one of the functions below. A pointer to a non-virtual member function
// starts with its address; asking for the symbol at that address gives its mangled name.
template <typename MemberFunction>
MemberFunction InLibrary(MemberFunction own) {
  union {
    MemberFunction function;
    void* address;
  } pointer{own};
  Dl_info info;
  void* found = nullptr;
  if (dladdr(pointer.address, &info) != 0 && info.dli_sname != nullptr) {
    found = dlsym(RTLD_NEXT, info.dli_sname);
  }
  if (found == nullptr) {
    std::fputs("Abseil's synchronisation is not where it should be\n", stderr);
    std::abort();
  }
  pointer.address = found;
  return pointer.function;
}

class IgnoreReads {
 public:
  IgnoreReads() { AnnotateIgnoreReadsBegin(__FILE__, __LINE__); }
  ~IgnoreReads() { AnnotateIgnoreReadsEnd(__FILE__, __LINE__); }
  IgnoreReads(const IgnoreReads&) = delete;
  IgnoreReads& operator=(const IgnoreReads&) = delete;
};

void Acquire(const void* lock) { __tsan_acquire(const_cast<void*>(lock)); }
void Release(const void* lock) { __tsan_release(const_cast<void*>(lock)); }

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

// The bodies are opaque to clang's thread-safety analysis, as the library's are.
#define UNCHECKED ABSL_NO_THREAD_SAFETY_ANALYSIS

void Mutex::Lock() UNCHECKED {
  static const auto library = InLibrary(&Mutex::Lock);
  (this->*library)();
  Acquire(this);
}

void Mutex::Unlock() UNCHECKED {
  static const auto library = InLibrary(&Mutex::Unlock);
  Release(this);
  const IgnoreReads ignore;
  (this->*library)();
}

bool Mutex::TryLock() UNCHECKED {
  static const auto library = InLibrary(&Mutex::TryLock);
  const bool locked = (this->*library)();
  if (locked) Acquire(this);
  return locked;
}

void Mutex::ReaderLock() UNCHECKED {
  static const auto library = InLibrary(&Mutex::ReaderLock);
  (this->*library)();
  Acquire(this);
}

void Mutex::ReaderUnlock() UNCHECKED {
  static const auto library = InLibrary(&Mutex::ReaderUnlock);
  Release(this);
  const IgnoreReads ignore;
  (this->*library)();
}

void Mutex::Await(const Condition& condition) {
  static const auto library = InLibrary(&Mutex::Await);
  Release(this);
  {
    const IgnoreReads ignore;
    (this->*library)(condition);
  }
  Acquire(this);
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  static const auto library = InLibrary(&Mutex::AwaitWithDeadline);
  Release(this);
  bool met;
  {
    const IgnoreReads ignore;
    met = (this->*library)(condition, deadline);
  }
  Acquire(this);
  return met;
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  return AwaitWithDeadline(condition, Now() + timeout);
}

void Mutex::LockWhen(const Condition& condition) UNCHECKED {
  static const auto library = InLibrary(&Mutex::LockWhen);
  {
    const IgnoreReads ignore;
    (this->*library)(condition);
  }
  Acquire(this);
}

void CondVar::Wait(Mutex* mutex) {
  static const auto library = InLibrary(&CondVar::Wait);
  Release(mutex);
  {
    const IgnoreReads ignore;
    (this->*library)(mutex);
  }
  Acquire(mutex);
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static const auto library = InLibrary(&CondVar::WaitWithDeadline);
  Release(mutex);
  bool timed_out;
  {
    const IgnoreReads ignore;
    timed_out = (this->*library)(mutex, deadline);
  }
  Acquire(mutex);
  return timed_out;
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  return WaitWithDeadline(mutex, Now() + timeout);
}

void Notification::Notify() {
  static const auto library = InLibrary(&Notification::Notify);
  Release(this);
  (this->*library)();
}

void Notification::WaitForNotification() const {
  static const auto library = InLibrary(&Notification::WaitForNotification);
  (this->*library)();
  Acquire(this);
}

bool Notification::WaitForNotificationWithDeadline(Time deadline) const {
  static const auto library = InLibrary(&Notification::WaitForNotificationWithDeadline);
  const bool notified = (this->*library)(deadline);
  if (notified) Acquire(this);
  return notified;
}

bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  return WaitForNotificationWithDeadline(Now() + timeout);
}

bool BlockingCounter::DecrementCount() {
  static const auto library = InLibrary(&BlockingCounter::DecrementCount);
  Release(this);
  return (this->*library)();
}

void BlockingCounter::Wait() {
  static const auto library = InLibrary(&BlockingCounter::Wait);
  (this->*library)();
  Acquire(this);
}

#undef UNCHECKED

ABSL_NAMESPACE_END
}  // namespace absl
