"""Models that last beside models in memory alone."""

import tempfile

from runner.programs import descentd, json_lines
from runner.tables import print_table, ratio

TARGETS = ["durability_bench", "descentd"]


def run(programs, quick):
    print_durability(measure(programs, 2 if quick else 7))


def measure(programs, rounds):
    with tempfile.TemporaryDirectory(prefix="descent-bench-") as directory:
        with descentd(programs, "--data-dir", directory) as server:
            return json_lines([programs / "durability_bench", server.address, directory, rounds])


def print_durability(lines):
    print("\nDurability: JOURNAL beside MEMORY; batches a second on a training stream, the median "
          "latency of a step, and p99 of a one-row prediction while its model is trained\n")
    rows = []
    for line in lines:
        if line["kind"] == "train":
            journal, memory = line["journal_per_s"], line["memory_per_s"]
            rows.append([f"train {line['name']}", f"{journal:,}", f"{memory:,}",
                         ratio(journal, memory)])
        elif line["kind"] == "predict":
            journal, memory = line["journal_us"], line["memory_us"]
            rows.append([f"predict p99 {line['name']}", f"{journal:,.0f} us",
                         f"{memory:,.0f} us", ratio(journal, memory)])
        else:
            journal, memory = line["journal_us"], line["memory_us"]
            rows.append(["step 13-64-1, 32 rows", f"{journal:,.0f} us", f"{memory:,.0f} us",
                         f"one fdatasync {line['fdatasync_us']:,.0f} us, over it "
                         f"{journal - line['fdatasync_us']:,.0f} us"])
    print_table(["", "JOURNAL", "MEMORY", "JOURNAL/MEMORY"], rows)
