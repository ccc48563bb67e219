"""How time grows with what a step is given, with a server's models and with its callers. Each series
doubles. The tables say how many times as long as the one before a row takes, and at most how many
times is linear or better.
"""

import collections

from runner.programs import descentd, json_lines
from runner.tables import microseconds, print_table, ratio

TARGETS = ["growth_bench", "service_growth_bench", "descentd"]
# By series: the first column, what a step is of, a unit with how its time is written, and what is
# linear.
STEPS = {
    "rows": ("rows", "64-64-64-10", "ns a row", lambda us: f"{us * 1e3:,.0f}", 2),
    "width": ("width", "w-w-w-w, 128 rows", "ps a multiply-add", lambda us: f"{us * 1e6:.1f}", 4),
    "depth": ("hidden layers", "64-…-64-10, 128 rows", "us a layer", microseconds, 2),
}


def run(programs, quick):
    passes, rounds = (1, 5) if quick else (3, 20)
    print_steps(best_of(passes, lambda: json_lines([programs / "growth_bench", rounds])))
    models = 1024 if quick else 16384
    rounds = 3 if quick else 9

    def service():
        with descentd(programs) as server:
            return json_lines([programs / "service_growth_bench", server.address, rounds, models])

    print_service(best_of(passes, service))


def best_of(passes, measure):
    """The lines of one pass, with the best over the passes of every time and rate."""
    lines = measure()
    for _ in range(passes - 1):
        for line, again in zip(lines, measure()):
            for name, value in again.items():
                if name.endswith("us"):
                    line[name] = min(line[name], value)
                elif name == "per_s":
                    line[name] = max(line[name], value)
    return lines


def doublings(values):
    """Each value with its ratio to the one before."""
    return [
        (value, "" if i == 0 else ratio(value, values[i - 1])) for i, value in enumerate(values)
    ]


def print_steps(lines):
    series = collections.defaultdict(list)
    for line in lines:
        series[line["series"]].append(line)
    for name, (first, network, unit, written, linear) in STEPS.items():
        print(f"\nGrowth: one training step of {network}, one thread\n")
        times = doublings([line["us"] for line in series[name]])
        print_table([first, "us", unit, f"× (≤ {linear})"], [
            [f"{line['value']:,}", microseconds(us), written(us / line["units"]), growth]
            for line, (us, growth) in zip(series[name], times)
        ])


def print_service(lines):
    models = [line for line in lines if line["kind"] == "models"]
    calls = ["create", "delete", "step", "predict"]
    print("\nGrowth: models of 13-64-1 with Adam in one server; us a call, to each in turn\n")
    times = [doublings([line[f"{call}_us"] for line in models]) for call in calls]
    print_table(["models", *(cell for call in calls for cell in (call, "× (≤ 1)"))], [
        [f"{line['value']:,}", *(cell for column in times
                                 for cell in (microseconds(column[i][0]), column[i][1]))]
        for i, line in enumerate(models)
    ])
    callers = [line for line in lines if line["kind"] == "callers"]
    print("\nGrowth: callers at once, each predicting a row by 13-64-1; us a call\n")
    times = doublings([line["us"] for line in callers])
    print_table(["callers", "us", "us a caller", "× (≤ 2)", "calls a second"], [
        [f"{line['value']:,}", microseconds(us), microseconds(us / line["value"]), growth,
         f"{line['per_s']:,}"]
        for line, (us, growth) in zip(callers, times)
    ])
