"""Calls through the client library beside empty calls and a Python server."""

from runner.peers import onnx_server, torch_server
from runner.credentials import Credentials
from runner.programs import descentd, json_lines, serving
from runner.tables import microseconds, print_table, ratio

TARGETS = ["service_bench", "interference_bench", "stream_cost_bench", "merging_bench",
           "overload_bench", "inference_bench", "empty_server", "descentd"]


def run(programs, quick):
    print_service(measure_service(programs, 3 if quick else 11))
    print_encrypted(measure_encrypted(programs, 3 if quick else 11))
    print_inference(measure_inference(programs, 3 if quick else 9))
    print_interference(measure_interference(programs, 3 if quick else 9))
    print_costs(measure_costs(programs, 3 if quick else 9))
    print_merging(measure_merging(programs, 2 if quick else 5))
    print_overload(measure_overload(programs, 5 if quick else 60))


def measure_service(programs, rounds):
    with descentd(programs) as ours, serving([programs / "empty_server"]) as empty:
        with torch_server() as torch:
            servers = [ours.address, empty.address, torch]
            return json_lines([programs / "service_bench", *servers, rounds])


def measure_encrypted(programs, rounds):
    with Credentials() as credentials:
        pair = credentials.certificate, credentials.key
        options = "--tls-certificate", pair[0], "--tls-key", pair[1], "--access", credentials.access
        with descentd(programs, *options) as ours:
            with serving([programs / "empty_server", *pair]) as empty:
                return json_lines(
                    [programs / "service_bench", ours.address, empty.address, "-", rounds],
                    {"DESCENT_TLS_CA": credentials.certificate, "DESCENT_TOKEN": credentials.token})


def measure_inference(programs, rounds):
    """By what the peer is written with."""
    lines = {}
    for kind in "threads", "asyncio":
        with descentd(programs) as ours, serving([programs / "empty_server"]) as empty, onnx_server(kind) as peer:
            servers = [ours.address, empty.address, peer]
            lines[kind] = json_lines([programs / "inference_bench", *servers, rounds])
    return lines


def measure_interference(programs, rounds):
    with descentd(programs) as ours, serving([programs / "empty_server"]) as empty:
        return json_lines([programs / "interference_bench", ours.address, empty.address, rounds])


def measure_costs(programs, rounds):
    with descentd(programs) as ours, serving([programs / "empty_server"]) as empty:
        servers = [ours.address, ours.process, empty.address, empty.process]
        return json_lines([programs / "stream_cost_bench", *servers, rounds])


def measure_merging(programs, rounds):
    with descentd(programs) as merging, descentd(programs, "--max-merged-rows", "1") as single:
        servers = [merging.address, single.address]
        return json_lines([programs / "merging_bench", *servers, rounds])


def measure_overload(programs, seconds):
    lines = {}
    for wait in "0", "5":
        with descentd(programs, "--max-read-wait-ms", wait) as server:
            lines[wait] = json_lines([programs / "overload_bench", server.address, seconds])
    return lines


def print_service(lines):
    print("\nService: a second; 13-64-1, raw float32 tensors, loopback, client and server in "
          "processes of their own\n")
    header = ["", "bytes", "Descent", "empty", "ours/empty", "PyTorch server", "× PyTorch server"]
    rows = []
    for line in lines:
        if line["kind"] != "service":
            continue
        ours, empty, torch = (line[f"{whose}_per_s"] for whose in ("descent", "empty", "peer"))
        rows.append([line["name"], f"{line['request_bytes']:,}", f"{ours:,}", f"{empty:,}",
                     ratio(ours, empty), f"{torch:,}" if torch else "-",
                     ratio(ours if torch else None, torch)])
    print_table(header, rows)


def print_encrypted(lines):
    print("\nThe same through TLS, with a token, beside gRPC's own TLS without one\n")
    print_table(["", "Descent", "empty", "ours/empty"], [
        [line["name"], f"{line['descent_per_s']:,}", f"{line['empty_per_s']:,}",
         ratio(line["descent_per_s"], line["empty_per_s"])]
        for line in lines
    ])


def beside_peer(line):
    peer = line["peer_per_s"]
    return [f"{peer:,}", ratio(line["infer_per_s"], peer), ratio(line["empty_per_s"], peer)] if peer else ["-"] * 3


def print_inference(lines_by_kind):
    print("\nOpen Inference Protocol: predictions a second by 13-64-1, raw FP32, beside Predict, beside a server that "
          "does nothing with the same bytes, and beside Python servers around onnxruntime\n")
    print_table(["", "ModelInfer", "Predict", "/ Predict", "empty server", "/ empty server", "Python server",
                 "× Python server", "empty server × Python server"], [
        [f"{line['name']}; {kind}", f"{line['infer_per_s']:,}", f"{line['predict_per_s']:,}",
         ratio(line["infer_per_s"], line["predict_per_s"]),
         f"{line['empty_per_s']:,}", ratio(line["infer_per_s"], line["empty_per_s"]),
         *beside_peer(line)]
        for kind, lines in lines_by_kind.items() for line in lines
    ])


SCENES = {
    ("predict", "none"): "predict",
    ("health check", "none"): "health check",
    ("empty call", "none"): "empty call",
    ("predict", "training"): "predict while training",
    ("health check", "training"): "health check of the server while it trains",
    ("empty call", "training"): "empty call while training, to another server",
    ("empty call", "empty"): "empty call while an empty stream saturates its server",
}


def print_interference(lines):
    print("\nLatency, one call after another, us; streams saturate their servers\n")
    latencies = [line for line in lines if line["kind"] == "latency"]
    print_table(["network, batch", "", "median", "p99", "p99.9"], [
        [line["network"], SCENES[line["name"], line["stream"]],
         *(f"{line[which]:,}" for which in ("p50_us", "p99_us", "p999_us"))]
        for line in latencies
    ])
    print("\nA stream's rate beside 1,000 predictions a second\n")
    print_table(["network, batch", "of its rate alone"], [
        [line["network"], f"{line['share']:.2f}"] for line in lines if line["kind"] == "share"
    ])


def print_costs(lines):
    print("\nProcessor time of a batch on a training stream, us, client and server together\n")
    header = ["network, batch", "Descent", "engine alone", "empty stream", "ours / (engine + empty)",
              "client's, ours", "client's, empty"]
    rows = []
    for line in lines:
        ours, engine, empty = (line[f"{what}_us"] for what in ("descent", "engine", "empty"))
        clients = [line["descent_client_us"], line["empty_client_us"]]
        rows.append([line["name"], *map(microseconds, (ours, engine, empty)),
                     ratio(ours, engine + empty), *map(microseconds, clients)])
    print_table(header, rows)


def print_merging(lines):
    print("\nPredictions of one row a second, 784-512-256-10, by callers at once\n")
    print_table(["callers", "merged", "one by one", "merged / one by one"], [
        [f"{line['callers']}", f"{line['merged_per_s']:,}", f"{line['one_by_one_per_s']:,}",
         ratio(line["merged_per_s"], line["one_by_one_per_s"])]
        for line in lines
    ])


def print_overload(lines_by_wait):
    print("\nOverload: predictions that take some milliseconds, sent at ten times the rate that the server "
          "sustains, beside a tenth of it\n")
    rows = []
    for wait, lines in lines_by_wait.items():
        phases = {line["phase"]: line for line in lines if line["kind"] == "overload"}
        ratios = next(line for line in lines if line["kind"] == "overload_ratios")
        unloaded, overloaded = phases["unloaded"], phases["overloaded"]
        refused = overloaded["exhausted"] + overloaded["late"]
        rows.append(["any" if wait == "0" else wait, f"{unloaded['p99_ms']:.1f}",
                     f"{overloaded['p99_ms']:,.1f}", f"{ratios['p99']:,.1f}", f"{overloaded['ok_ratio']:.2f}",
                     f"{refused / overloaded['sent']:.2f}", f"{unloaded['other'] + overloaded['other']}",
                     f"{ratios['recovered']:.2f}"])
    print_table(["`--max-read-wait-ms`", "p99 unloaded, ms", "p99 overloaded, ms", "over unloaded",
                 "answers / sustained", "refused", "other failures", "rate a second later"], rows)
