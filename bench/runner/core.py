"""One training step of the engine beside its peers and its ceilings."""

import collections

from runner.peers import has_torch, torch_steps
from runner.programs import json_lines
from runner.tables import microseconds, print_table, ratio

TARGETS = ["step_bench"]


def run(programs, quick):
    passes, rounds = (1, 5) if quick else (3, 20)
    print_engine(*measure(programs, passes, rounds))


def measure(programs, passes, rounds):
    """The ceiling, and for each network the best over the passes of every column."""
    ceilings = []
    columns = collections.defaultdict(lambda: collections.defaultdict(list))
    for _ in range(passes):
        for line in json_lines([programs / "step_bench", rounds]):
            if line["kind"] == "ceiling":
                ceilings.append(line)
            else:
                for name in line.keys() - {"kind", "network"}:
                    columns[line["network"]][name].append(line[name])
        for threads in (1, 2) if has_torch() else ():
            for line in torch_steps(threads, rounds):
                columns[line["network"]][f"torch_{threads}_us"].append(line["us"])
    ceiling = max(ceilings, key=lambda line: line["gflops"])
    networks = {
        network: {name: min(values) for name, values in row.items()}
        for network, row in columns.items()
    }
    return ceiling, networks


def print_engine(ceiling, networks):
    best = ceiling["gflops"]
    print(f"Core: best 1024^3 product {best:.0f} GFLOP/s (Eigen {ceiling['eigen_gflops']:.0f}), "
          f"core built for {ceiling['instruction_set']}; microseconds a step, one thread\n")
    header = ["network, batch", "ours", "PyTorch", "× PyTorch", "at the best product",
              "× Eigen loop", "of best product", "/ bare products", "2 threads",
              "× PyTorch, 2 threads", "Adam / SGD", "floor"]
    rows = []
    for network, row in networks.items():
        one, two = row["descent_us"], row["descent_2_us"]
        torch, torch_two = row.get("torch_1_us"), row.get("torch_2_us")
        limit = row["flops"] / best * 1e-3
        rows.append([
            f"{network}, {row['rows']:.0f}", microseconds(one), microseconds(torch),
            ratio(torch, one), ratio(torch, limit), ratio(row["eigen_us"], one), ratio(limit, one),
            ratio(one, row["products_us"]), ratio(row["descent_wall_us"], two),
            ratio(torch_two, two), ratio(row["adam_us"], one), ratio(row["adam_floor_us"], one),
        ])
    print_table(header, rows)
