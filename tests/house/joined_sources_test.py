"""What the sources of a room call their own has names of its own: quick builds compile sources of a room
together (DESCENT_JOIN_SOURCES), where the unnamed namespace of one is that of all.

    joined_sources_test.py
"""

import collections
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The rooms whose sources are one target.
ROOMS = ("core", "client/cli", "client/descent", "server/access", "server/exchange", "server/models", "server/ops", "server/services",
         "server/store", "server/wire")

UNNAMED = re.compile(r"^namespace \{\n(.*?)^\}  // namespace$", re.DOTALL | re.MULTILINE)
MACRO = re.compile(r"^#define (\w+)", re.MULTILINE)
TYPE = re.compile(r"^(?:struct|class|enum class|enum|union) (\w+)(?!.*;$)", re.MULTILINE)
ALIAS = re.compile(r"^using (\w+) =\s([^;]*);", re.MULTILINE)
VARIABLE = re.compile(r"^(?:constexpr|constinit|const|thread_local|static)\b[^;=(]*?\b(\w+)(?:\[\w*\])?(?: =|\{|;)",
                      re.MULTILINE)
FUNCTION = re.compile(r"^(?!using|return|template)[A-Za-z_][\w:<>,&* ]*?[ &*](\w+)(\([^{};]*\)) ?(?:const )?\{",
                      re.MULTILINE)


def own_names(text):
    """The names that a source gives in unnamed namespaces, as pairs (name, what it stands for where two
    may say the same). A function's name has the types of its parameters: two that take different
    things may be called alike."""
    names = {(name, None) for name in MACRO.findall(text)}
    for block in UNNAMED.findall(text):
        names.update(ALIAS.findall(block))
        names.update((name, None) for name in TYPE.findall(block) + VARIABLE.findall(block))
        for name, parameters in FUNCTION.findall(block):
            types = [re.sub(r"\b\w+(?: = .*)?$", "", " ".join(each.split())).strip()
                     for each in parameters[1:-1].split(",")]
            names.add((f"{name}({', '.join(types)})", None))
    return names


def shared_names(sources):
    """Of sources by their paths: the names that several give, and which ones do."""
    givers = collections.defaultdict(list)
    for path, text in sorted(sources.items()):
        for name, meaning in own_names(text):
            givers[name].append((path, meaning))
    return {name: [path for path, _ in given] for name, given in givers.items()
            if len(given) > 1 and (None in dict(given).values() or len(set(dict(given).values())) > 1)}


class JoinedSourcesTest(unittest.TestCase):
    def test_no_two_sources_of_a_room_give_one_name(self):
        for room in ROOMS:
            sources = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
                       for path in (ROOT / room).rglob("*.cc")}
            self.assertGreater(len(sources), 5, room)
            self.assertEqual(shared_names(sources), {}, "names that sources of a room share")

    def test_shared_names_of_every_kind_are_found(self):
        source = """
#define MACRO(x) x
namespace descent {
namespace {

constexpr int kConstant = 1;
constexpr char kText[] = "text";
struct Type {
  int member = 0;
};
template <typename Base>
using Alias = With<Base>;

absl::Status Function(int number,
                      const std::string& text) {
  return absl::OkStatus();
}

}  // namespace

int Exported() { return 1; }
}  // namespace descent
"""
        other = source.replace("int number", "int n").replace("With<", "Without<")
        self.assertEqual(
            set(shared_names({"a.cc": source, "b.cc": other})),
            {"MACRO", "kConstant", "kText", "Type", "Alias", "Function(int, const std::string&)"})

    def test_overloads_and_equal_aliases_share_nothing(self):
        source = ("namespace {\n\nusing Words = std::string;\n\nint Read(%s x) {\n  return 1;\n}\n\n"
                  "}  // namespace\n")
        self.assertEqual(shared_names({"a.cc": source % "int", "b.cc": source % "float"}), {})


if __name__ == "__main__":
    unittest.main()
