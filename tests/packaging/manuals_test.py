"""Manual pages and completions have every command and option that the help has, and work.

    manuals_test.py DESCENTD DESCENT
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def helps(program, *path):
    """The help's own words for each command: [(path, words)], read in another way than the
    generator does."""
    text = subprocess.run([program, *path, "--help"], check=True, stdout=subprocess.PIPE,
                          text=True).stdout
    found = [(path, text)]
    below = re.search(r"^Subcommands:\n(.*?)\n\n", text, re.S | re.M)
    for name in re.findall(r"^  (\w+)", below.group(1), re.M) if below else ():
        found += helps(program, *path, name)
    return found


def options(text):
    return [name for head in re.findall(r"^  (-[^\n]*)", text, re.M)
            for name in re.match(r"(\S+)", head).group(1).split(",")]


class ManualsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.directory = pathlib.Path(directory.name)
        subprocess.run([ROOT / "scripts" / "manuals", descentd, descent, cls.directory], check=True)
        cls.helps = {"descentd": helps(descentd), "descent": helps(descent)}

    def page(self, name):
        path = next((self.directory / "man").glob(f"{name}.[0-9]"))
        return path.read_text(encoding="utf-8").replace("\\-", "-")

    def test_pages_have_every_command_and_option(self):
        for name, commands in self.helps.items():
            page = self.page(name)
            self.assertGreater(len(commands), 2)
            for path, text in commands:
                self.assertIn(" ".join(["\\fB" + name, *path]) + "\\fR", page)
                for option in set(options(text)) - {"-h", "--help"}:
                    self.assertIn(f"\\fB{option}\\fR", page)

    def test_pages_have_every_word_of_the_descriptions(self):
        for name, commands in self.helps.items():
            plain = re.sub(r"\\(f[BIR]|\(..|e|&)", " ", self.page(name))
            words = set(re.findall(r"\w{4,}", plain))
            for _, text in commands:
                text = re.sub(r"^ *-h,--help.*|^Usage:.*|\(Env:.*?\)|may come here too.*", "", text,
                              flags=re.M)
                missing = set(re.findall(r"\w{4,}", text)) - words
                # The headings of sections, which the page has of its own, and a default that is the machine's.
                missing -= {"Options", "Positionals", "Subcommands", "REQUIRED", "status", "Exit",
                            "descent", "state", "local"}
                self.assertEqual(missing, set(), name)

    @unittest.skipUnless(shutil.which("groff"), "no groff")
    def test_pages_are_without_warnings(self):
        for path in (self.directory / "man").iterdir():
            done = subprocess.run(["groff", "-man", "-Tutf8", "-K", "utf8", "-ww", "-z", path],
                                  stderr=subprocess.PIPE, text=True)
            self.assertEqual(done.stderr, "")

    def bash(self, *words, files=()):
        """What bash offers for the last of these words."""
        with tempfile.TemporaryDirectory() as directory:
            for file in files:
                pathlib.Path(directory, file).touch()
            name = words[0]
            script = (f"source {self.directory}/bash/{name}\nCOMP_WORDS=(\"$@\")\n"
                      f"COMP_CWORD=$(($# - 1))\n_{name}\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"")
            done = subprocess.run(["bash", "-u", "-c", script, "bash", *words], check=True, text=True,
                                  cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertEqual(done.stderr, "")
            return set(done.stdout.split())

    def test_bash_offers_all_that_the_help_has(self):
        for name, commands in self.helps.items():
            for path, text in commands:
                offered = self.bash(name, *path, "-")
                self.assertEqual(set(options(text)) - offered, set(), path)
            self.assertEqual(self.bash(name, ""),
                             {path[0] for path, _ in commands if path} | self.bash(name, "-"))

    def test_bash_offers_values(self):
        self.assertEqual(self.bash("descentd", "--log-format", ""), {"text", "json"})
        self.assertEqual(self.bash("descentd", "--log-format", "=", "j"), {"json"})
        self.assertEqual(self.bash("descent", "train", "m", "--csv", "", files=["a.csv"]), {"a.csv"})
        self.assertEqual(self.bash("descent", "train", "m", "--csv", "=", files=["a.csv"]), {"a.csv"})
        self.assertEqual(self.bash("descent", "train", "m", "--epochs", ""), set())

    def test_bash_knows_values_from_subcommands(self):
        self.assertIn("restore", self.bash("descent", "--server", "list", "checkpoint", "r"))
        self.assertIn("--csv", self.bash("descent", "--tls", "train", "list", "--c"))
        self.assertEqual(self.bash("descent", "checkpoint", "create", "--cs"), set())

    @unittest.skipUnless(shutil.which("zsh"), "no zsh")
    def test_zsh_takes_its_completions(self):
        for name in self.helps:
            subprocess.run(["zsh", "-n", self.directory / "zsh" / f"_{name}"], check=True)

    @unittest.skipUnless(shutil.which("fish"), "no fish")
    def test_fish_offers_all_that_the_help_has(self):
        for name, commands in self.helps.items():
            for path, text in commands:
                line = " ".join([name, *path, "-"])
                offered = subprocess.run(
                    ["fish", "--no-config", "-c", f"source {self.directory}/fish/{name}.fish\n"
                     f"complete -C '{line}'; complete -C '{line}-'"], check=True, text=True,
                    stdout=subprocess.PIPE).stdout
                offered = {found.split("\t")[0] for found in offered.splitlines()}
                self.assertEqual(set(options(text)) - offered, set(), path)


if __name__ == "__main__":
    descentd, descent = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])
