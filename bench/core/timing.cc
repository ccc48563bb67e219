#include "bench/core/timing.h"

#include <algorithm>
#include <cstddef>
#include <ctime>

namespace descent::bench {
namespace {

// Short enough that some blocks escape the scheduler, long enough for the clock.
constexpr double kBlockSeconds = 0.005;

double Now(Clock clock) {
  timespec now{};
  clock_gettime(clock == Clock::kWall ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

double Seconds(Clock clock, const std::function<void()>& work) {
  const double begin = Now(clock);
  work();
  return Now(clock) - begin;
}

std::vector<double> BestOfRounds(const std::vector<Rival>& rivals, int rounds) {
  std::vector<int> calls;
  for (const Rival& rival : rivals) {
    rival.work();
    const double once = std::max(1e-8, Seconds(rival.clock, rival.work));
    calls.push_back(static_cast<int>(std::clamp(kBlockSeconds / once, 1.0, 1e5)));
  }
  std::vector<double> best(rivals.size(), 1e9);
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < rivals.size(); ++i) {
      rivals[i].work();  // its rivals had the caches
      if (rivals[i].clock == Clock::kWall) {
        for (int call = 0; call < calls[i]; ++call) {
          best[i] = std::min(best[i], Seconds(Clock::kWall, rivals[i].work));
        }
        continue;
      }
      const double block = Seconds(rivals[i].clock, [&] {
        for (int call = 0; call < calls[i]; ++call) rivals[i].work();
      });
      best[i] = std::min(best[i], block / calls[i]);
    }
  }
  return best;
}

}  // namespace descent::bench
