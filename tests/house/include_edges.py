"""Which room may include which: the table of docs/architecture.md, checked over the sources.

A room is a directory. A file belongs to the room with the longest matching path, and may include
its own room's files, those of the rooms it may see, and the third-party headers its room is allowed.
"""

import dataclasses
import pathlib
import re

SOURCE_DIRECTORIES = ("clock", "core", "endpoint", "help", "server", "client", "tests", "bench")
SUFFIXES = (".h", ".cc")

# Headers of other projects, by the prefix of their path.
THIRD_PARTY = {
    "grpc": ("grpc/", "grpcpp/"),
    "protobuf": ("google/protobuf/",),
    "eigen": ("Eigen/", "unsupported/Eigen/"),
    "sqlite": ("sqlite3.h",),
    "cli11": ("CLI/",),
    "openssl": ("openssl/",),
    "toml": ("toml++/",),
    "boost": ("boost/",),
    "spdlog": ("spdlog/",),
    "prometheus": ("prometheus/",),
    # What would make the engine depend on more than its arguments.
    "surroundings": (
        "absl/time/clock.h",
        "chrono",
        "ctime",
        "filesystem",
        "fstream",
        "sys/",
        "unistd.h",
        "time.h",
    ),
}
EVERYTHING = frozenset(THIRD_PARTY)


@dataclasses.dataclass(frozen=True)
class Room:
    """What one room may include: `sees` are rooms or single files, `uses` keys of THIRD_PARTY,
    `headers` single headers of families that it may not use."""

    sees: tuple[str, ...] = ()
    uses: frozenset[str] = frozenset()
    headers: frozenset[str] = frozenset()


# Generated from proto/ are descent/v1/*.pb.h, inference/*.pb.h and google/rpc/*.pb.h; they count as the room "proto".
ROOMS = {
    "proto": Room(),
    # Large buffers ask for huge pages (core/buffer.cc), threads have names (core/thread_name.cc).
    "core": Room(uses=frozenset({"eigen"}), headers=frozenset({"sys/mman.h", "sys/prctl.h"})),
    "clock": Room(uses=frozenset({"surroundings"})),
    "endpoint": Room(headers=frozenset({"sys/un.h"})),
    "help": Room(uses=frozenset({"cli11"})),
    "server/wire": Room(
        sees=("proto", "core", "server/models/commands.h"),
        uses=frozenset({"grpc", "protobuf", "surroundings"}),
    ),
    # Files of other programs; the formats' rooms see the first, and no other format.
    "server/exchange": Room(sees=("core",)),
    "server/exchange/safetensors": Room(sees=("core", "server/exchange")),
    "server/exchange/onnx": Room(sees=("proto", "core", "server/exchange"), uses=frozenset({"protobuf"})),
    # The models' rooms, each above those that it sees; all of them see the first.
    "server/models": Room(sees=("clock", "core", "server/store")),
    "server/models/work": Room(
        sees=("clock", "core", "server/store", "server/models"), uses=frozenset({"surroundings"})
    ),
    "server/models/state": Room(
        sees=("clock", "core", "server/store", "server/models", "server/models/work"),
        headers=frozenset({"absl/time/clock.h"}),
    ),
    "server/models/requests": Room(
        sees=("clock", "core", "server/store", "server/models", "server/models/work")
    ),
    "server/models/reading": Room(
        sees=("clock", "core", "server/store", "server/models", "server/models/work",
              "server/models/state"),
    ),
    "server/models/writing": Room(
        sees=("clock", "core", "server/store", "server/models", "server/models/work",
              "server/models/state", "server/models/requests"),
        headers=frozenset({"absl/time/clock.h"}),
    ),
    "server/models/recovery": Room(
        sees=("clock", "core", "server/store", "server/models", "server/models/work",
              "server/models/state", "server/models/requests"),
    ),
    "server/models/registry": Room(
        sees=("clock", "core", "server/store", "server/models", "server/models/work",
              "server/models/state", "server/models/requests", "server/models/reading",
              "server/models/writing", "server/models/recovery"),
        headers=frozenset({"absl/time/clock.h"}),
    ),
    # The store's rooms, each above those that it sees; the models see the first alone.
    "server/store": Room(sees=("clock", "core"), headers=frozenset({"absl/time/clock.h"})),
    "server/store/files": Room(
        sees=("clock", "core", "server/store"), uses=frozenset({"sqlite", "surroundings"})
    ),
    "server/store/format": Room(sees=("core", "server/store")),
    "server/store/tables": Room(
        sees=("core", "server/store", "server/store/files", "server/store/format"),
        uses=frozenset({"sqlite"}),
    ),
    "server/store/log": Room(
        sees=("clock", "core", "server/store", "server/store/files", "server/store/format",
              "server/store/tables"),
        uses=frozenset({"sqlite"}),
    ),
    "server/store/opening": Room(
        sees=("core", "server/store", "server/store/files", "server/store/tables",
              "server/store/log"),
        uses=frozenset({"sqlite"}),
    ),
    "server/store/sqlite": Room(
        sees=("clock", "core", "server/store", "server/store/files", "server/store/format",
              "server/store/tables", "server/store/log", "server/store/opening"),
        uses=frozenset({"sqlite", "surroundings"}),
    ),
    "server/services": Room(
        sees=("proto", "clock", "core", "version", "server/exchange", "server/exchange/safetensors",
              "server/exchange/onnx", "server/wire", "server/models", "server/models/work",
              "server/models/registry"),
        uses=EVERYTHING - {"eigen", "sqlite", "cli11", "openssl", "toml", "boost", "prometheus"},
    ),
    "server/access": Room(
        sees=("core", "server/services"), uses=frozenset({"grpc", "openssl", "surroundings", "toml"})
    ),
    "server/ops": Room(
        sees=("proto", "clock", "core", "endpoint", "server/models", "server/models/work",
              "server/models/registry", "server/services", "server/access"),
        uses=EVERYTHING - {"eigen", "sqlite", "toml", "boost", "prometheus"},
    ),
    "server/http": Room(
        sees=("clock", "core", "endpoint", "server/services", "server/access", "server/ops"),
        uses=frozenset({"boost", "openssl", "surroundings"}),
    ),
    "server/metrics": Room(
        sees=("clock", "core", "server/models", "server/models/work", "server/models/registry",
              "server/store", "server/services", "server/ops"),
        uses=frozenset({"protobuf", "prometheus", "surroundings"}),
    ),
    "server/pages": Room(
        sees=("clock", "core", "server/models", "server/models/work", "server/models/registry",
              "server/store", "server/access", "server/http"),
        uses=frozenset({"surroundings"}),
    ),
    "server/rest": Room(
        sees=("proto", "clock", "core", "server/wire", "server/services", "server/http"),
        uses=frozenset({"grpc", "protobuf"}),
    ),
    "server": Room(
        sees=("proto", "clock", "core", "endpoint", "help", "server", "version"),
        uses=EVERYTHING - {"eigen", "sqlite", "openssl", "toml", "boost", "prometheus"},
    ),
    "client/descent": Room(
        sees=("proto", "clock", "endpoint"),
        uses=EVERYTHING - {"eigen", "sqlite", "cli11", "spdlog", "openssl", "toml", "boost", "prometheus"},
    ),
    "client/examples": Room(sees=("proto", "client/descent"), headers=frozenset({"fstream"})),
    # The command's rooms, each above those that it sees; all of them see the first.
    "client/cli": Room(sees=("proto",), uses=frozenset({"protobuf"})),
    "client/cli/text": Room(sees=("client/cli",), uses=frozenset({"surroundings"})),
    "client/cli/arrays": Room(sees=("client/cli", "client/cli/text")),
    "client/cli/tables": Room(sees=("client/cli", "client/cli/text", "client/cli/arrays")),
    "client/cli/encoding": Room(
        sees=("proto", "client/descent", "client/cli", "client/cli/text", "client/cli/tables"),
        uses=frozenset({"protobuf"}),
    ),
    "client/cli/results": Room(
        sees=("client/cli", "client/cli/encoding"), uses=frozenset({"surroundings"})
    ),
    "client/cli/tensorboard": Room(
        sees=("client/cli",), uses=frozenset({"protobuf", "boost", "surroundings"})
    ),
    "client/cli/display": Room(
        sees=("client/descent", "client/cli"), uses=frozenset({"protobuf", "surroundings"})
    ),
    "client/cli/training": Room(
        sees=("proto", "clock", "client/descent", "client/cli", "client/cli/text",
              "client/cli/tables", "client/cli/encoding", "client/cli/display"),
    ),
    "client/cli/commands": Room(
        sees=("proto", "clock", "help", "version", "client/descent", "client/cli", "client/cli/text",
              "client/cli/tables", "client/cli/encoding", "client/cli/results",
              "client/cli/tensorboard", "client/cli/display", "client/cli/training"),
        uses=frozenset({"protobuf", "cli11", "openssl", "surroundings"}),
    ),
    "tests": Room(
        sees=("proto", "clock", "core", "endpoint", "help", "server", "client", "tests", "version"),
        uses=EVERYTHING,
    ),
    "bench": Room(
        sees=("proto", "clock", "core", "endpoint", "server", "client", "bench", "tests", "version"),
        uses=EVERYTHING,
    ),
}

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)')


def includes(text):
    """Yields (line number, included path)."""
    for number, line in enumerate(text.splitlines(), start=1):
        if match := INCLUDE.match(line):
            yield number, match.group(1) or match.group(2)


def is_in(path, directory):
    return path == directory or path.startswith(directory + "/")


def room_of(path):
    """The room that a path (or an included path) belongs to, or None."""
    if path.endswith(".pb.h"):
        return None if path.startswith("google/protobuf/") else "proto"
    if path == "version/version.h":
        return "version"
    return max((room for room in ROOMS if is_in(path, room)), key=len, default=None)


def may_see(room, path):
    target = room_of(path)
    if target == room:
        return True
    return any(
        path == allowed or target == allowed or (room in ("server", "tests", "bench") and
                                                 is_in(path, allowed))
        for allowed in ROOMS[room].sees
    )


def read_sources(root):
    """{path from the root: text} of all sources below `root`."""
    return {
        str(file.relative_to(root)): file.read_text(encoding="utf-8")
        for directory in SOURCE_DIRECTORIES
        for file in sorted((pathlib.Path(root) / directory).rglob("*"))
        if file.suffix in SUFFIXES
    }


def forbidden_edges(sources):
    """Messages, one for each include that its room may not have."""
    problems = []
    for path, text in sources.items():
        room = room_of(path)
        for number, included in includes(text):
            if room_of(included) is not None:
                if not may_see(room, included):
                    problems.append(f"{path}:{number}: {room} may not include {included}")
                continue
            for name, prefixes in THIRD_PARTY.items():
                matches = any(
                    included.startswith(prefix) if prefix.endswith("/") else included == prefix
                    for prefix in prefixes
                )
                allowed = name in ROOMS[room].uses or included in ROOMS[room].headers
                if matches and not allowed:
                    problems.append(f"{path}:{number}: {room} may not use {included} ({name})")
    return problems


def eigen_leaks(sources):
    """Messages, one for each file outside core and its tests that reaches Eigen through core.

    Each build of the core is compiled for its own instruction set. Eigen's inline functions must
    not get from one into another, so they stay out of every header that other rooms include.
    """
    reaches = {}

    def reaches_eigen(path):
        if path not in reaches:
            reaches[path] = False  # a cycle adds nothing
            reaches[path] = any(
                included.startswith(THIRD_PARTY["eigen"]) or
                (included in sources and reaches_eigen(included))
                for _, included in includes(sources[path])
            )
        return reaches[path]

    return [
        f"{path}: reaches Eigen through a header of the core"
        for path in sources
        if path.startswith(("server/", "client/")) and reaches_eigen(path)
    ]


def knots(sources):
    """Sets of files (a header and its source count as one) that can only be understood together:
    each includes its way to every other of the set."""
    def unit(path):
        return path.rpartition(".")[0]

    edges = {unit(path): set() for path in sources}
    for path, text in sources.items():
        edges[unit(path)] |= {
            unit(included) for _, included in includes(text)
            if included in sources and unit(included) != unit(path)
        }

    def reached(start):
        seen, waiting = set(), [start]
        while waiting:
            for target in edges[waiting.pop()] - seen:
                seen.add(target)
                waiting.append(target)
        return seen

    # Only what is left when files that lead nowhere are taken away again and again can be in one.
    left = dict(edges)
    while loose := {name for name, seen in left.items() if not seen & left.keys()}:
        left = {name: seen for name, seen in left.items() if name not in loose}
    reaches = {name: reached(name) for name in left}
    return {
        frozenset(other for other in reaches[name] if name in reaches.get(other, ())) | {name}
        for name in left if name in reaches[name]
    }


def check(sources):
    tied = [f"{', '.join(sorted(knot))} lead to each other" for knot in knots(sources)]
    return forbidden_edges(sources) + eigen_leaks(sources) + tied
