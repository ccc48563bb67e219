"""Takes time as bench/core/timing.h does."""

import time

BLOCK_SECONDS = 0.005


def best_seconds(run, rounds, threads):
    """The seconds of one step in the best of `rounds` blocks; run(count) does `count` of them.

    CPU time of the whole process with one thread. Otherwise wall time, and the best step instead.
    """
    clock = time.process_time if threads == 1 else time.perf_counter

    def seconds(count):
        begin = clock()
        run(count)
        return (clock() - begin) / count

    run(3)
    count = max(1, int(BLOCK_SECONDS / seconds(3)))
    if threads > 1:
        rounds, count = rounds * count, 1
    return min(seconds(count) for _ in range(rounds))
