// How the core's benchmarks take time on a machine that others use too.
//
// Work that stays on one thread is measured in CPU time, which leaves out the moments in which the
// thread did not run; work on several threads in wall time. Rivals take turns in short blocks, and
// the best block counts (in wall time the best call, since a block seldom goes undisturbed): what
// disturbs a block can only make it longer. A call before each block puts the rival's own data back
// into the caches, as it would find them in a row of steps.

#ifndef BENCH_CORE_TIMING_H_
#define BENCH_CORE_TIMING_H_

#include <functional>
#include <vector>

namespace descent::bench {

enum class Clock { kThreadCpu, kWall };

// Seconds of one call.
double Seconds(Clock clock, const std::function<void()>& work);

struct Rival {
  Clock clock;
  std::function<void()> work;
};

// For each rival the seconds of one call in its best block of `rounds`.
std::vector<double> BestOfRounds(const std::vector<Rival>& rivals, int rounds);

}  // namespace descent::bench

#endif  // BENCH_CORE_TIMING_H_
