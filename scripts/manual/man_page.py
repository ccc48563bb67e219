"""A manual page of a program, from its help."""

import re

# What the help has no words for.
TITLES = {
    "descentd": (8, "serve and train neural networks over gRPC", ["descent(1)", "systemd.service(5)"]),
    "descent": (1, "train and ask neural networks that descentd holds", ["descentd(8)"]),
}


def escaped(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga").replace("'", "\\(aq")
    return text.replace("~", "\\(ti").replace("^", "\\(ha")


def paragraph(text):
    """Text that may follow a macro: no line of it is taken for one."""
    line = escaped(text)
    return "\\&" + line if line.startswith(".") else line


def bold(text):
    return f"\\fB{escaped(text)}\\fR"


def italic(text):
    return f"\\fI{escaped(text)}\\fR"


def entry(item):
    head = ", ".join(bold(name) for name in item.names)
    if item.value:
        head += " " + italic(item.value)
    if item.repeatable:
        head += " ..."
    facts = []
    if item.default:
        facts.append(f"default {item.default}")
    if item.variable:
        facts.append(f"also ${item.variable}")
    description = item.description
    if facts:
        description += f" ({'; '.join(facts)})"
    return [".TP", head, paragraph(description)]


def usage(command):
    words = command.usage.split()
    name = " ".join(command.path)
    return f"{bold(name)} {escaped(' '.join(words[len(command.path):]))}"


def arguments(command, heading):
    """The entries of a command, under its headings with `heading` as the macro for them."""
    lines = []
    for item in command.positionals:
        lines += entry(item)
    for name, options in command.groups.items():
        own = [option for option in options if "--help" not in option.names]
        if not own:
            continue
        if name != "Options":
            lines += [f"{heading} {escaped(name)}"] if heading else [".PP", italic(name)]
        for option in own:
            lines += entry(option)
    return lines


def page(root, version):
    """The page's source."""
    name = root.path[0]
    section, summary, see_also = TITLES[name]
    lines = [f'.TH {name.upper()} {section} "" "Descent {version}" "Descent"',
             ".SH NAME", f"{name} \\- {escaped(summary)}",
             ".SH SYNOPSIS", usage(root),
             ".SH DESCRIPTION", paragraph(root.description)]
    exit_status = [note for note in root.notes if note.startswith("Exit status")]
    for note in root.notes:
        if note not in exit_status:
            lines += [".PP", paragraph(note)]
    lines += [".SH OPTIONS", *arguments(root, ".SS")]
    below = list(root.everything())[1:]
    if below:
        lines.append(".SH COMMANDS")
    for command in below:
        lines += [f".SS {usage(command)}", paragraph(command.description)]
        lines += arguments(command, "")
        for note in command.notes:
            lines += [".PP", paragraph(note)]
    for note in exit_status:
        lines += [".SH EXIT STATUS", paragraph(re.sub(r"^Exit status:? ", "", note))]
    lines += [".SH SEE ALSO", ", ".join(bold(page) for page in see_also)]
    return "\n".join(lines) + "\n"
