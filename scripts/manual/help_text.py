"""Reads the help of a program and of its subcommands, which is where options are explained."""

import dataclasses
import os
import re
import subprocess

# Their defaults are the machine's, and their descriptions say which.
DEFAULTS_OF_THE_MACHINE = ("--threads", "--data-dir")


@dataclasses.dataclass
class Entry:
    """An option, a positional argument or a subcommand."""

    names: list[str]  # "--csv"; "-h", "--help"; of the others the one name
    value: str = ""  # what is given: "FILE", "text|json"; empty for a flag
    default: str = ""
    variable: str = ""
    repeatable: bool = False
    description: str = ""

    @property
    def choices(self):
        return self.value.split("|") if re.fullmatch(r"[a-z|]+\|[a-z|]+", self.value) else []


@dataclasses.dataclass
class Command:
    path: list[str]  # ["descent", "checkpoint", "restore"]
    description: str
    usage: str
    positionals: list[Entry]
    groups: dict[str, list[Entry]]  # options under their headings
    subcommands: list["Command"]
    notes: list[str]  # paragraphs after all that
    takes_options_of_root: bool

    @property
    def options(self):
        return [option for group in self.groups.values() for option in group]

    def everything(self):
        """This command and all below it."""
        yield self
        for command in self.subcommands:
            yield from command.everything()


def read_option(head):
    """`-h,--help`, `--listen HOST:PORT=127.0.0.1:50051 ... (Env:DESCENT_LISTEN)`"""
    variable = re.search(r" \(Env:(\w+)\)", head)
    head = re.sub(r" \(Env:\w+\)", "", head)
    repeatable = head.endswith(" ...")
    names, _, value = head.removesuffix(" ...").removesuffix(" REQUIRED").partition(" ")
    value, _, default = value.partition("=")
    entry = Entry(names.split(","), value, default, variable.group(1) if variable else "", repeatable)
    if entry.names[-1] in DEFAULTS_OF_THE_MACHINE:
        entry.default = ""
    return entry


def read_entries(lines):
    """The entries of a section, whose descriptions begin in one column."""
    column = min((len(line) - len(line.lstrip()) for line in lines
                  if line.startswith(" " * 8)), default=28)
    entries = []
    for line in lines:
        if line.startswith(" " * column):
            entries[-1].description += " " + line.strip()
            continue
        ends = len(line) > column and line[column - 1] == " "
        head, description = (line[:column], line[column:]) if ends else (line, "")
        entries.append(read_option(head.strip()))
        entries[-1].description = description.strip()
    for entry in entries:
        entry.description = entry.description.strip()
    return entries


def read_sections(lines):
    """[(heading, lines below it)], and the paragraphs that come after the last."""
    sections = []
    notes = []
    for line in lines:
        if re.fullmatch(r"\S[^.]*:", line) and not notes:
            sections.append((line[:-1], []))
        elif line.startswith("  ") and sections and not notes:
            sections[-1][1].append(line)
        elif line:
            notes.append(line)
        elif notes:
            notes.append("")
    paragraphs = [" ".join(paragraph.split()) for paragraph in "\n".join(notes).split("\n\n")]
    return sections, [paragraph for paragraph in paragraphs if paragraph]


def read_command(program, path):
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("DESCENT_") and name != "STATE_DIRECTORY"}
    text = subprocess.run([program, *path[1:], "--help"], check=True, stdout=subprocess.PIPE,
                          text=True, env=environment).stdout
    before, usage, after = re.fullmatch(r"(.*?)^Usage: ([^\n]*)\n(.*)", text, re.S | re.M).groups()
    sections, notes = read_sections(after.splitlines())
    of_root = [note for note in notes if "may come here too" in note]
    command = Command(path, " ".join(before.split()), usage, [], {}, [],
                      [note for note in notes if note not in of_root], bool(of_root))
    for heading, lines in sections:
        if heading == "Positionals":
            command.positionals = read_entries(lines)
        elif heading == "Subcommands":
            command.subcommands = [read_command(program, [*path, entry.names[0]])
                                   for entry in read_entries(lines)]
        else:
            command.groups[heading] = read_entries(lines)
    for below in command.subcommands:
        below.notes = [note for note in below.notes if note not in command.notes]
    return command


def read_program(program):
    """A program's root command."""
    return read_command(program, [os.path.basename(program)])
