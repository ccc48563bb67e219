"""One training step of the engine beside its peers and its ceilings."""

import collections

from runner.peers import CURRENT_PEERS, DEBIAN_TORCH
from runner.programs import json_lines
from runner.tables import microseconds, print_table, ratio

TARGETS = ["step_bench", "layers_bench", "tables_bench"]


def run(programs, quick):
    passes, rounds = (1, 5) if quick else (3, 20)
    ceiling, networks, versions = measure(programs, passes, rounds)
    print_engine(ceiling, networks, versions)
    print_current_peers(networks, versions)
    print_layers([json_lines([programs / "layers_bench", rounds]) for _ in range(passes)])
    print_tables(*measure_tables(programs, passes, rounds))


def measure_tables(programs, passes, rounds):
    """By buckets and rows the best of every column over the passes, and the versions of the peers."""
    columns = collections.defaultdict(lambda: collections.defaultdict(list))
    versions = {}
    torches = [peer for peer in (DEBIAN_TORCH, CURRENT_PEERS[0]) if peer.installed]
    for _ in range(passes):
        for line in json_lines([programs / "tables_bench", rounds]):
            for name in ("us", "dense_us"):
                columns[line["buckets"], line["rows"]][name].append(line[name])
        for peer in torches:
            for line in peer.tables(rounds):
                versions[peer] = line["version"]
                columns[line["buckets"], line["rows"]][peer].append(line["us"])
    return {key: {name: min(values) for name, values in row.items()}
            for key, row in columns.items()}, versions


def print_tables(sizes, versions):
    print("\nTables: one training step with Adam of a network with 13 numeric inputs, four categorical ones of 16\n"
          "columns each and 64 hidden units, one thread; beside 77 numeric inputs, and PyTorch with sparse gradients\n"
          "and SparseAdam\n")
    print_table(["rows", "categories of each", "us", "/ numeric inputs",
                 *(f"x PyTorch {version}" for version in versions.values())], [
        [str(rows), f"{buckets:,}", microseconds(row["us"]), ratio(row["us"], row["dense_us"]),
         *(ratio(row.get(peer), row["us"]) for peer in versions)]
        for (buckets, rows), row in sizes.items()
    ])


def print_layers(passes):
    best = {}
    for line in (line for lines in passes for line in lines):
        key = line["layers"], line["width"], line["rows"]
        best[key] = min(line["us"], best.get(key, line["us"]))
    sizes = sorted({key[1:] for key in best})
    print("\nLayers: one training step of w-w-w-w-w-1 with each kind after or around its hidden layers,\n"
          "beside dense layers alone\n")
    print_table(["hidden layers", *(f"{width} wide, {rows} rows" for width, rows in sizes)], [
        [name, *(f"{microseconds(best[name, *size])} us" if name == "dense"
                 else ratio(best[name, *size], best["dense", *size]) for size in sizes)]
        for name in dict.fromkeys(key[0] for key in best)
    ])


def measure(programs, passes, rounds):
    """The ceiling, for each network the best over the passes of every column, and the versions of
    the peers that there are.
    """
    ceilings = []
    versions = {}
    columns = collections.defaultdict(lambda: collections.defaultdict(list))
    for _ in range(passes):
        for line in json_lines([programs / "step_bench", rounds]):
            if line["kind"] == "ceiling":
                ceilings.append(line)
            else:
                for name in line.keys() - {"kind", "network"}:
                    columns[line["network"]][name].append(line[name])
        for peer in (DEBIAN_TORCH, *CURRENT_PEERS):
            for threads in (1, 2) if peer.installed else ():
                for line in peer.steps(threads, rounds):
                    versions[peer] = line["version"]
                    columns[line["network"]][peer, threads].append(line["us"])
    ceiling = max(ceilings, key=lambda line: line["gflops"])
    networks = {
        network: {name: min(values) for name, values in row.items()}
        for network, row in columns.items()
    }
    return ceiling, networks, versions


def print_engine(ceiling, networks, versions):
    best = ceiling["gflops"]
    print(f"Core: best 1024^3 product {best:.0f} GFLOP/s (Eigen {ceiling['eigen_gflops']:.0f}), "
          f"core built for {ceiling['instruction_set']}; microseconds a step, one thread; "
          f"Debian's PyTorch {versions.get(DEBIAN_TORCH, '-')}\n")
    header = ["network, batch", "ours", "PyTorch", "× PyTorch", "at the best product",
              "× Eigen loop", "of best product", "/ bare products", "2 threads",
              "× PyTorch, 2 threads", "Adam / SGD", "floor"]
    rows = []
    for network, row in networks.items():
        one, two = row["descent_us"], row["descent_2_us"]
        torch, torch_two = row.get((DEBIAN_TORCH, 1)), row.get((DEBIAN_TORCH, 2))
        limit = row["flops"] / best * 1e-3
        rows.append([
            f"{network}, {row['rows']:.0f}", microseconds(one), microseconds(torch),
            ratio(torch, one), ratio(torch, limit), ratio(row["eigen_us"], one), ratio(limit, one),
            ratio(one, row["products_us"]), ratio(row["descent_wall_us"], two),
            ratio(torch_two, two), ratio(row["adam_us"], one), ratio(row["adam_floor_us"], one),
        ])
    print_table(header, rows)


def print_current_peers(networks, versions):
    print("\nCurrent peers: microseconds a step, one thread, and two in wall time\n")
    header = ["network, batch"]
    for ours in ("ours", "ours, 2 threads"):
        header.append(ours)
        for peer in CURRENT_PEERS:
            header += [f"{peer.name} {versions.get(peer, '-')}", f"× {peer.name}"]
    rows = []
    for network, row in networks.items():
        cells = [f"{network}, {row['rows']:.0f}"]
        for threads, ours in ((1, row["descent_us"]), (2, row["descent_2_us"])):
            cells.append(microseconds(ours))
            for peer in CURRENT_PEERS:
                theirs = row.get((peer, threads))
                cells += [microseconds(theirs), ratio(theirs, ours)]
        rows.append(cells)
    print_table(header, rows)
