"""docs/api.md, which scripts/api-page writes from the comments of proto/.

    api_page.py PAGE     tidies a page that was just generated and notes what it was generated from
"""

import hashlib
import pathlib
import re
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
NOTE = "<!-- sha256 of the .proto files: {} -->\n"


def digest():
    """Of all files of the contract, names and contents."""
    all_of_them = hashlib.sha256()
    for path in sorted((SOURCE / "proto").rglob("*.proto")):
        all_of_them.update(path.relative_to(SOURCE).as_posix().encode() + b"\0")
        all_of_them.update(path.read_bytes())
    return all_of_them.hexdigest()


def noted(page):
    """The digest that a page names; None if it names none."""
    match = re.search(NOTE.format("([0-9a-f]{64})"), page)
    return match and match[1]


def finished(page):
    """One empty line between parts, and the note after the first line."""
    page = re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", page)).strip() + "\n"
    first, rest = page.split("\n", 1)
    return f"{first}\n{NOTE.format(digest())}{rest}"


if __name__ == "__main__":
    path = pathlib.Path(sys.argv[1])
    path.write_text(finished(path.read_text(encoding="utf-8")), encoding="utf-8")
