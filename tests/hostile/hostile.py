#!/usr/bin/env python3
"""What attacks do to a server and to its honest callers.

    hostile.py DESCENTD [--only NAME ...] [--short] [--check] [--memory-mib N]
               [--nginx PROGRAM | --envoy PROGRAM]

For each attack starts a descentd on loopback, lets an honest caller predict on one connection all
the time and another one on new connections, attacks from a process of its own, and drains the
server with SIGTERM while the attack goes on. Prints a table:

    usual    median of the honest caller's latency before the attack, in ms
    p99, max of its latency during the attack, in ms
    failed   its calls that failed, of how many
    new      the longest that a call on a new connection took, in s, and how many of them failed
    peak     the server's high-water mark, MiB beyond what it had when the attack began
    drain    from SIGTERM to the end, in s, and the exit status

With --memory-mib the servers have that budget, and the peak is all that the server had, which is to
stay within 1.25 times the budget.

With --nginx or --envoy everybody calls through that proxy, set up as docker/nginx.conf or docker/envoy/envoy.yaml
says.

Everything is bounded: an attack lasts at most 15 s, the whole about ten minutes. --short runs what
CI does; --check ends with 1 if a row breaks one of its bounds.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time

import grpc

import attacks
import messages as wire

HERE = pathlib.Path(__file__).resolve().parent
DOCKER = HERE.parents[1] / "docker"
MIB = 1 << 20
# A server that has taken more is stopped, for the sake of the machine.
MOST_MIB = 6 << 10
DRAIN_TIMEOUT = 8  # descentd's own default, in seconds
# When its share of a small budget is full, gRPC closes connections that have no call: one that begins
# at that moment fails.
FAILED_WITH_BUDGET = 3

CHANNEL = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1),
           ("grpc.max_receive_message_length", -1)]


@dataclasses.dataclass(frozen=True)
class Row:
    """One attack, with how the server is started and what must hold."""

    attack: str
    seconds: float = 15
    short: bool = False
    large: bool = False  # a model of 60 MB is there
    in_memory: bool = True
    arguments: tuple = ()
    open_files: int = 0  # the limit; 0: as it is
    budget_mib: int = 0  # that the server is started with; 0: its default
    reflection: bool = False  # what is asked on new connections, rather than a prediction
    # Bounds for --check. None: this row is measured alone.
    peak_mib: int | None = None
    disk_mib: int | None = None
    failed: int | None = 0
    drain: float | None = DRAIN_TIMEOUT + 3


ROWS = [
    Row("unread_parameters", large=True, peak_mib=600, short=True),
    Row("unread_parameters_of_many", large=True, peak_mib=1200),
    Row("unread_forward", large=True, peak_mib=600),
    Row("unread_predictions", peak_mib=4000),
    Row("unread_lists", peak_mib=600),
    # Each backup is a file of 60 MB, as the store's own is.
    Row("unread_backups", in_memory=False, large=True, peak_mib=600, disk_mib=400),
    Row("unread_reflection", peak_mib=300, short=True, reflection=True),
    Row("kept_messages", peak_mib=1500),
    Row("kept_starts", peak_mib=1500),
    Row("many_fields", seconds=25, peak_mib=1500),
    Row("many_strings", seconds=25, peak_mib=1500, short=True),
    Row("many_unknown_fields", seconds=25, peak_mib=1500),
    Row("malformed", peak_mib=200, short=True),
    Row("idle_streams", peak_mib=1300, short=True),
    Row("idle_evaluations", peak_mib=1300),
    Row("idle_unary", peak_mib=1300),
    Row("idle_watches", peak_mib=300),
    Row("idle_reflection", peak_mib=200, short=True, reflection=True),
    Row("idle_connections", peak_mib=500),
    Row("descriptors", open_files=100, peak_mib=200, short=True),
    Row("rapid_reset", peak_mib=1300, short=True),
    Row("rapid_reset_of_streams", peak_mib=1300),
    Row("continuation", peak_mib=1300),
    Row("hpack_strings", peak_mib=100, short=True),
    Row("hpack_varints", peak_mib=100),
    Row("empty_data", peak_mib=100, short=True),
    Row("empty_messages", peak_mib=1300),
    Row("pings", peak_mib=1300),
    Row("settings", peak_mib=1300),
    Row("small_calls", peak_mib=1300),
    Row("remembered_models", seconds=20, peak_mib=200),
    Row("large_answers", peak_mib=200, short=True),
    Row("short_sessions", peak_mib=200),
    Row("heavy_gradients", peak_mib=1500),
]


class Server:
    """A descentd on a free port of loopback, ended by hand."""

    def __init__(self, descentd, row, directory):
        command = [descentd, "--listen", "127.0.0.1:0", "--log-level", "error", *row.arguments]
        command += ["--in-memory"] if row.in_memory else ["--data-dir", directory]
        if row.open_files:
            command = ["prlimit", f"--nofile={row.open_files}:{row.open_files}", *command]
        self.directory = directory
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        self.address = line.removeprefix("listening on ").strip()

    def memory(self, key):
        """VmHWM or VmRSS in MiB; 0 when the process is gone."""
        try:
            status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0
        for line in status.splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) / 1024
        return 0

    def disk(self):
        """MiB of the files below the data directory, and of those deleted that it has open."""
        files = {}
        paths = [*pathlib.Path(self.directory).rglob("*")]
        paths += pathlib.Path(f"/proc/{self.process.pid}/fd").glob("*")
        for path in paths:
            try:
                if str(path).startswith("/proc") and self.directory not in os.readlink(path):
                    continue
                status = path.stat()
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode):
                files[status.st_ino] = status.st_blocks * 512 / MIB
        return sum(files.values())

    def alive(self):
        return self.process.poll() is None

    def drain(self):
        """Seconds from SIGTERM to the end, and the exit status."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=90)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return time.monotonic() - begun, self.process.returncode


class Proxy:
    """A proxy in front of a server, as docker/ sets it up. (None, None): nothing is in front."""

    def __init__(self, kind, program, server, directory):
        self.process, self.address = None, server.address
        if program is None:
            return
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        command = {"nginx": self._nginx, "envoy": self._envoy}[kind](program, server, directory)
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                host, port = self.address.split(":")
                socket.create_connection((host, int(port))).close()
                return
            except OSError:
                time.sleep(0.05)

    def _nginx(self, program, server, directory):
        text = (DOCKER / "nginx.conf").read_text()
        text = text.replace("127.0.0.1:50052", server.address)
        text = text.replace("127.0.0.1:50051", self.address)
        configuration = pathlib.Path(directory) / "nginx.conf"
        paths = "".join(f"  {name}_temp_path {directory}/{name};\n" for name in (
            "client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        configuration.write_text(text.replace("http {\n", "http {\n" + paths, 1))
        return [program, "-p", directory, "-c", configuration, "-e", "stderr", "-g",
                f"daemon off; pid {directory}/nginx.pid;"]

    def _envoy(self, program, server, directory):
        """Without its TLS, which the attacks do not speak."""
        import yaml  # which nothing else here needs

        whole = yaml.safe_load((DOCKER / "envoy" / "envoy.yaml").read_text())
        [listener], [cluster] = (whole["static_resources"][name] for name in ("listeners", "clusters"))
        [endpoint] = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
        for place, address in ((listener, self.address), (endpoint["endpoint"], server.address)):
            host, port = address.split(":")
            place["address"]["socket_address"] = {"address": host, "port_value": int(port)}
        del listener["filter_chains"][0]["transport_socket"]
        configuration = pathlib.Path(directory) / "envoy.json"
        configuration.write_text(json.dumps(whole))
        return [program, "-c", configuration, "--disable-hot-restart", "--log-level", "error"]

    def end(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait()


class Honest(threading.Thread):
    """Calls all the time, 20 ms apart, and writes down how long each call took or why it failed."""

    def __init__(self, address, new_connections, pause, reflection=False):
        super().__init__(daemon=True)
        self.address, self.pause, self.reflection = address, pause, reflection
        self.latencies, self.failures = [], []  # (when it began, seconds), (when, what)
        self.ending = False
        self.channel = None if new_connections else grpc.insecure_channel(address, CHANNEL)

    def call(self):
        channel = self.channel or grpc.insecure_channel(self.address, CHANNEL)
        try:
            if self.reflection:
                method = channel.stream_stream(wire.REFLECTION)
                next(method(iter([wire.LIST_SERVICES]), timeout=20))
            else:
                method = channel.unary_unary(wire.PREDICT)
                method(wire.predict(attacks.SMALL, 1, 4), timeout=20)
        finally:
            if self.channel is None:
                channel.close()

    def run(self):
        while not self.ending:
            begun = time.monotonic()
            try:
                self.call()
                self.latencies.append((begun, time.monotonic() - begun))
            except grpc.RpcError as error:
                self.failures.append((begun, f"{error.code().name}: {error.details()}"))
            time.sleep(self.pause)

    def during(self, begin, end):
        taken = sorted(seconds for when, seconds in self.latencies if begin <= when < end)
        return taken, [what for when, what in self.failures if begin <= when < end]


def share(sorted_values, part):
    if not sorted_values:
        return float("nan")
    return sorted_values[min(len(sorted_values) - 1, int(part * len(sorted_values)))]


def create(address, name, inputs, layers):
    with grpc.insecure_channel(address, CHANNEL) as channel:
        channel.unary_unary(wire.CREATE)(wire.create(name, inputs, layers), timeout=60)


def save(address, name):
    """Puts a model's parameters into the store; until then it has what they begin from."""
    with grpc.insecure_channel(address, CHANNEL) as channel:
        channel.unary_unary(wire.CREATE_CHECKPOINT)(wire.create_checkpoint(name), timeout=60)


@dataclasses.dataclass
class Measured:
    row: Row
    usual: float
    p99: float
    longest: float
    failures: list
    calls: int
    new_longest: float
    new_failures: list
    peak: float
    disk: float
    drain: float
    status: int
    note: str
    died: bool

    def cells(self):
        new = f"{self.new_longest:.1f}"
        if self.new_failures:
            new += f", {len(self.new_failures)} failed"
        what = getattr(attacks, self.row.attack).__doc__.splitlines()[0]
        return [self.row.attack, what, f"{self.usual * 1e3:.1f}", f"{self.p99 * 1e3:.0f}",
                f"{self.longest * 1e3:.0f}", f"{len(self.failures)} of {self.calls}", new,
                f"{self.peak:.0f}", f"{self.disk:.0f}", f"{self.drain:.1f} ({self.status})",
                ("DIED; " if self.died else "") + self.note]

    def broken(self):
        """What this row promised and did not keep."""
        broken = ["the server died"] if self.died else []
        row = self.row
        if row.peak_mib is not None and self.peak > row.peak_mib:
            broken.append(f"peak {self.peak:.0f} MiB, expected at most {row.peak_mib}")
        if row.disk_mib is not None and self.disk > row.disk_mib:
            broken.append(f"{self.disk:.0f} MiB of disk, expected at most {row.disk_mib}")
        failures = self.failures + self.new_failures
        if row.failed is not None and len(failures) > row.failed:
            broken.append(f"{len(failures)} honest calls failed: {failures[0]}")
        if row.drain is not None and self.drain > row.drain:
            broken.append(f"drained in {self.drain:.1f} s, expected at most {row.drain:.0f}")
        return broken


def measure(descentd, proxy, row):
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryDirectory() as more:
        os.chmod(more, 0o755)
        server = Server(descentd, row, directory)
        front = Proxy(*proxy, server, more)
        try:
            return measure_on(server, front.address, row)
        finally:
            front.end()
            if server.alive():
                server.process.kill()
                server.process.wait()


def measure_on(server, address, row):
    create(address, attacks.SMALL, 4, [8, 1])
    if row.large:
        create(address, attacks.LARGE, 3840, [3840, 256])
        if not row.in_memory:
            save(address, attacks.LARGE)
    honest = Honest(address, new_connections=False, pause=0.02)
    fresh = Honest(address, new_connections=True, pause=0.3,
                   reflection=row.reflection)
    honest.start()
    fresh.start()
    time.sleep(1.5)
    before = server.memory("VmRSS")

    begun = time.monotonic()
    attacker = subprocess.Popen(
        [sys.executable, HERE / "attacks.py", row.attack, address, str(row.seconds)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    note, peak_seen = [], float("nan")
    reader = threading.Thread(target=lambda: note.append(attacker.stdout.readline().strip()))
    reader.start()
    # The attack itself, and as long behind it as what was opened stays so.
    last = begun + row.seconds + 10
    disk = 0
    while time.monotonic() < last and server.alive():
        time.sleep(0.1)
        disk = max(disk, server.disk())
        if not reader.is_alive():
            last = min(last, max(time.monotonic() + 0.1, begun + row.seconds))
        if server.memory("VmRSS") > MOST_MIB:
            server.process.kill()
            note.append(f"stopped at {MOST_MIB} MiB")
            peak_seen = MOST_MIB
            break
    ended = time.monotonic()
    died = not server.alive()
    usual, _ = honest.during(0, begun)
    # Calls under way may still end; those that do not by their deadline count as failed.
    honest.ending = fresh.ending = True
    honest.join(25)
    fresh.join(25)
    taken, failures = honest.during(begun, ended)
    new, new_failures = fresh.during(begun, ended)
    if row.budget_mib:
        before = 0
    peak = server.memory("VmHWM") - before if not died else peak_seen
    drain, status = server.drain() if not died else (0, server.process.wait())
    attacker.kill()
    attacker.wait()
    return Measured(row=row, usual=share(usual, 0.5), p99=share(taken, 0.99),
                    longest=taken[-1] if taken else float("nan"), failures=failures,
                    calls=len(taken) + len(failures), new_longest=new[-1] if new else float("nan"),
                    new_failures=new_failures, peak=peak, disk=disk, drain=drain, status=status,
                    note=note[0] if note else "no end", died=died)


HEADER = ["attack", "what", "usual ms", "p99 ms", "max ms", "failed", "new s", "peak MiB",
          "disk MiB", "drain s", "note"]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("descentd")
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[])
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--memory-mib", type=int, metavar="N")
    proxies = parser.add_mutually_exclusive_group()
    for kind in ("nginx", "envoy"):
        proxies.add_argument(f"--{kind}", metavar="PROGRAM", dest="proxy", default=(None, None),
                             type=lambda program, kind=kind: (kind, program))
    arguments = parser.parse_args()
    shorten = 5 if arguments.short else None
    rows = [row for row in ROWS if (not arguments.only or row.attack in arguments.only) and
            (not arguments.short or row.short)]
    print("| " + " | ".join(HEADER) + " |")
    print("|" + "---|" * len(HEADER), flush=True)
    broken = []
    for row in rows:
        if shorten:
            row = dataclasses.replace(row, seconds=shorten)
        if arguments.memory_mib:
            row = dataclasses.replace(row, budget_mib=arguments.memory_mib,
                                      peak_mib=arguments.memory_mib * 5 // 4,
                                      failed=FAILED_WITH_BUDGET,
                                      arguments=(*row.arguments, "--memory-mib",
                                                 str(arguments.memory_mib)))
        measured = measure(os.path.abspath(arguments.descentd), arguments.proxy, row)
        print("| " + " | ".join(measured.cells()) + " |", flush=True)
        for what in measured.broken():
            broken.append(f"{row.attack}: {what}")
    for line in broken:
        print(line, file=sys.stderr)
    return 1 if arguments.check and broken else 0


if __name__ == "__main__":
    sys.exit(main())
