// Names of threads, as `top -H`, `perf` and debuggers show them.

#ifndef CORE_THREAD_NAME_H_
#define CORE_THREAD_NAME_H_

namespace descent {

// Names the calling thread; at most 15 characters, the rest is cut off.
void NameThisThread(const char* name);

}  // namespace descent

#endif  // CORE_THREAD_NAME_H_
