#include "core/thread_name.h"

#include <sys/prctl.h>

namespace descent {

void NameThisThread(const char* name) { ::prctl(PR_SET_NAME, name); }

}  // namespace descent
