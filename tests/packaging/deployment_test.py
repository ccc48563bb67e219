"""What the server is deployed with speaks of the server that there is: options, ports, users, paths.

    deployment_test.py DESCENTD
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
KUBERNETES = ROOT / "docker" / "kubernetes"
UNIT = (ROOT / "debian" / "descentd.service").read_text(encoding="utf-8")


def config(arguments, environment=()):
    """The options in force with these arguments, which are all taken."""
    done = subprocess.run([descentd, *arguments, "--print-config"], text=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=dict(os.environ, **dict(environment)))
    assert done.returncode == 0, done.stderr
    return dict(re.findall(r"^([\w-]+)=(.*)$", done.stdout, re.M))


def image_environment():
    return re.findall(r"\b(DESCENT_\w+)=(\S+)", DOCKERFILE)


def instruction(name):
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, re.M)[-1]


class KubernetesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        names = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
        found = [yaml.safe_load((KUBERNETES / name).read_text()) for name in names]
        cls.resources = {resource["kind"]: resource for resource in found}
        cls.pod = cls.resources["StatefulSet"]["spec"]["template"]
        [cls.container] = cls.pod["spec"]["containers"]
        cls.options = config(cls.container["args"], image_environment())

    def test_every_file_is_in_the_kustomization(self):
        self.assertEqual(len(self.resources), len(list(KUBERNETES.glob("*.yaml"))) - 1)

    def test_selectors_find_the_server(self):
        labels = self.pod["metadata"]["labels"]
        for kind, path in (("StatefulSet", ("selector", "matchLabels")), ("Service", ("selector",)),
                           ("PodDisruptionBudget", ("selector", "matchLabels")),
                           ("NetworkPolicy", ("podSelector", "matchLabels"))):
            selector = self.resources[kind]["spec"]
            for name in path:
                selector = selector[name]
            self.assertTrue(selector.items() <= labels.items(), kind)
        self.assertEqual(self.resources["StatefulSet"]["spec"]["serviceName"],
                         self.resources["Service"]["metadata"]["name"])

    def test_ports_are_the_servers(self):
        ports = {port["name"]: port["containerPort"] for port in self.container["ports"]}
        self.assertIn(f":{ports['grpc']}", self.options["listen"])
        for option in ("health", "http"):
            self.assertIn(f"0.0.0.0:{ports[option]}", self.options[option])
        self.assertEqual(str(ports["grpc"]), instruction("EXPOSE"))
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            self.assertEqual(self.container[probe]["grpc"]["port"], ports["health"])
        for rule in self.resources["NetworkPolicy"]["spec"]["ingress"]:
            for port in rule["ports"]:
                self.assertIn(port["port"], ports)

    def test_a_drain_has_the_time_that_it_takes(self):
        grace = self.pod["spec"]["terminationGracePeriodSeconds"]
        self.assertGreater(grace, float(self.options["drain-timeout"]) + 2)

    def test_users_and_paths_are_the_images(self):
        context = self.pod["spec"]["securityContext"]
        self.assertEqual(f"{context['runAsUser']}:{context['runAsGroup']}", instruction("USER"))
        mounts = {mount["name"]: mount["mountPath"] for mount in self.container["volumeMounts"]}
        self.assertEqual(mounts["models"], instruction("VOLUME"))
        for option, mount in (("tls-certificate", "tls"), ("tls-key", "tls"), ("access", "access")):
            self.assertIn(mounts[mount] + "/", self.options[option])

    def test_the_server_has_no_rights(self):
        context = self.container["securityContext"]
        self.assertEqual(context, {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                   "capabilities": {"drop": ["ALL"]}})
        self.assertTrue(self.pod["spec"]["securityContext"]["runAsNonRoot"])
        self.assertFalse(self.pod["spec"]["automountServiceAccountToken"])


class ComposeTest(unittest.TestCase):
    directory = ROOT / "docker"

    @classmethod
    def setUpClass(cls):
        cls.composed = yaml.safe_load((cls.directory / "compose.yaml").read_text())
        cls.services = cls.composed["services"]

    def test_the_server_takes_its_options(self):
        options = config(self.services["server"]["command"], image_environment())
        published = {port.split(":")[-1] for port in self.services["server"]["ports"]}
        for option in ("listen", "http"):
            self.assertIn(re.search(r"0\.0\.0\.0:(\d+)", options[option]).group(1), published)
        self.assertEqual(self.services["server"]["volumes"], [f"models:{instruction('VOLUME')}"])

    def test_no_service_has_rights(self):
        for name, service in self.services.items():
            self.assertTrue(service["read_only"], name)
            self.assertEqual(service["cap_drop"], ["ALL"], name)
            for port in service.get("ports", ()):
                self.assertTrue(port.startswith("127.0.0.1:"), name)

    def test_what_is_mounted_is_there(self):
        for service in self.services.values():
            for volume in service.get("volumes", ()):
                source = volume.split(":")[0]
                if source.startswith("."):
                    self.assertTrue((self.directory / source).exists(), source)
                else:
                    self.assertIn(source, self.composed["volumes"])

    def test_prometheus_finds_the_server(self):
        text = (self.directory / "monitoring" / "prometheus.yml").read_text()
        targets = yaml.safe_load(text)["scrape_configs"][0]["static_configs"][0]["targets"]
        name, port = targets[0].split(":")
        options = config(self.services[name]["command"], image_environment())
        self.assertIn(f":{port}", options["http"])

    def test_grafana_finds_prometheus_and_the_dashboard(self):
        provisioning = self.directory / "monitoring" / "grafana" / "provisioning"
        [source] = yaml.safe_load(
            (provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
        name, port = re.fullmatch(r"http://(\w+):(\d+)", source["url"]).groups()
        self.assertIn(f"127.0.0.1:{port}:{port}", self.services[name]["ports"])
        [provider] = yaml.safe_load(
            (provisioning / "dashboards" / "descent.yml").read_text())["providers"]
        mounted = [volume.split(":")[1] for volume in self.services["grafana"]["volumes"]]
        self.assertIn(provider["options"]["path"], mounted)


class EnvoyTest(unittest.TestCase):
    def test_it_leads_to_the_server_that_it_speaks_of(self):
        text = (ROOT / "docker" / "envoy" / "envoy.yaml").read_text()
        [cluster] = yaml.safe_load(text)["static_resources"]["clusters"]
        [endpoint] = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
        address = endpoint["endpoint"]["address"]["socket_address"]
        arguments = re.search(r"^#   descentd (.*)$", text, re.M).group(1).split()
        self.assertIn(f"{address['address']}:{address['port_value']}", config(arguments)["listen"])

    def test_it_lets_no_more_streams_through_than_the_server_takes(self):
        text = (ROOT / "docker" / "envoy" / "envoy.yaml").read_text()
        streams = [int(number) for number in re.findall(r"max_concurrent_streams: (\d+)", text)]
        self.assertEqual(len(streams), 2)
        self.assertLessEqual(max(streams), int(config(["--in-memory"])["max-streams"]))


class ServiceTest(unittest.TestCase):
    def test_what_its_file_proposes_is_taken(self):
        text = (ROOT / "debian" / "descentd.toml").read_text()
        proposed = re.sub(r"^# ([\w-]+ = )", r"\1", text, flags=re.M)
        self.assertGreater(len(re.findall(r"^[\w-]+ = ", proposed, re.M)), 5)
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(proposed)
            file.flush()
            options = config(["--config", file.name])
        self.assertIn("/etc/descent/access.toml", options["access"])

    def test_its_file_changes_nothing_as_it_comes(self):
        name = ROOT / "debian" / "descentd.toml"
        changed = {option for option, value in config(["--config", name]).items()
                   if value != config([]).get(option)}
        self.assertEqual(changed, set())

    def test_it_has_the_files_and_the_time_that_the_server_wants(self):
        seconds = int(re.search(r"^TimeoutStopSec=(\d+)s$", UNIT, re.M).group(1))
        self.assertGreater(seconds, float(config([])["drain-timeout"]) + 2)
        self.assertIn("WatchdogSignal=SIGTERM", UNIT)


class PackagesTest(unittest.TestCase):
    def test_they_build_with_what_the_set_up_installs(self):
        control = (ROOT / "debian" / "control").read_text()
        wanted = re.search(r"^Build-Depends:\n(.*?)\n\n", control, re.S | re.M).group(1)
        wanted = {re.split(r"[ :(]", line.strip())[0].rstrip(",") for line in wanted.splitlines()}
        setup = subprocess.run([ROOT / "scripts" / "setup", "--build", "--list"], check=True, text=True,
                               stdout=subprocess.PIPE).stdout.split()
        # A cache and git's word of the commit, which packages do without, and what they have beside.
        self.assertEqual(set(setup) - {"ccache", "git"},
                         wanted - {"debhelper-compat", "python3"}, "debian/control and scripts/setup")


if __name__ == "__main__":
    descentd = sys.argv[1]
    unittest.main(argv=sys.argv[:1])
