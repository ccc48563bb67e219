"""What the sources of a room call their own has names of its own: quick builds compile sources of a room
together (DESCENT_JOIN_SOURCES), where the unnamed namespace of one is that of all, and each sees the headers
that another includes.

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

NAMESPACE = re.compile(r"^namespace ([\w:]+) \{$", re.MULTILINE)
UNNAMED = re.compile(r"^namespace \{\n(.*?)^\}  // namespace$", re.DOTALL | re.MULTILINE)
MACRO = re.compile(r"^#define (\w+)", re.MULTILINE)
TYPE = re.compile(r"^(?:struct|class|enum class|enum|union) (\w+)(?!.*;$)", re.MULTILINE)
ALIAS = re.compile(r"^using (\w+) =\s([^;]*);", re.MULTILINE)
USED = re.compile(r"^using ((?:::)?(?:\w+::)+(\w+));", re.MULTILINE)
VARIABLE = re.compile(r"^(?:constexpr|constinit|const|thread_local|static)\b[^;=(]*?\b(\w+)(?:\[\w*\])?(?: =|\{|;)",
                      re.MULTILINE)
FUNCTION = re.compile(r"^(?!using|return|template)[A-Za-z_][\w:<>,&* ]*?[ &*](\w+)(\([^{};]*\)) ?(?:const )?\{",
                      re.MULTILINE)
DECLARED = re.compile(r"^(?!using|return|template|friend)[A-Za-z_][\w:<>,&* ]*?[ &*](\w+)(\([^{};]*\))(?: noexcept)?;", re.MULTILINE)

# What a function is called: other ones may have its name, if they take other things.
Taking = collections.namedtuple("Taking", "types")


def functions(pattern, text):
    for name, parameters in pattern.findall(text):
        yield name, Taking(", ".join(re.sub(r"\b\w+(?: = .*)?$", "", " ".join(each.split())).strip()
                                     for each in parameters[1:-1].split(",")))


def own_names(text):
    """The names that a source gives in unnamed namespaces, as pairs (name, what it stands for where two may say
    the same)."""
    names = {(name, None) for name in MACRO.findall(text)}
    # Said anywhere in a source, these hold for those behind it.
    names.update((name, "".join(whole.split()).removeprefix("::")) for whole, name in USED.findall(text))
    for block in UNNAMED.findall(text):
        names.update((name, " ".join(meaning.split())) for name, meaning in ALIAS.findall(block))
        names.update((name, None) for name in TYPE.findall(block) + VARIABLE.findall(block))
        names.update(functions(FUNCTION, block))
    return names


def header_names(text):
    """The names that a header gives, and their namespace."""
    found = NAMESPACE.search(text)
    names = {(name, None) for name in TYPE.findall(text)}
    names.update(functions(FUNCTION, text))
    names.update(functions(DECLARED, text))
    return names, found.group(1) if found else ""


def collide(one, other):
    """Whether a name can't stand for both."""
    if isinstance(one, Taking) and isinstance(other, Taking):
        return one == other
    return one is None or one != other


def shared_names(sources, headers=()):
    """Of sources and headers by their paths: the names that several give, one of them a source, and which ones do."""
    givers = collections.defaultdict(list)
    for path, text in sorted(sources.items()):
        for name, meaning in own_names(text):
            givers[name].append((path, meaning))
    spaces = {path: found.group(1) for path, text in sources.items() if (found := NAMESPACE.search(text))}
    shared = collections.defaultdict(set)
    for name, given in givers.items():
        for i, (path, meaning) in enumerate(given):
            for other_path, other in given[:i]:
                if path != other_path and collide(meaning, other):
                    shared[name] |= {path, other_path}
    for header, text in dict(headers).items():
        names, space = header_names(text)
        for name, meaning in names:
            for path, own in givers[name] if name in givers else ():
                is_used = isinstance(own, str) and own.endswith(f"::{name}")
                seen = f"{spaces.get(path, '')}::".startswith(f"{space}::")
                if seen and not is_used and collide(own, meaning):
                    shared[name] |= {path, header}
    return {name: sorted(paths) for name, paths in shared.items()}


class JoinedSourcesTest(unittest.TestCase):
    def test_no_two_sources_of_a_room_give_one_name(self):
        for room in ROOMS:
            sources, headers = ({str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
                                 for path in (ROOT / room).rglob(f"*.{ending}")} for ending in ("cc", "h"))
            self.assertGreater(len(sources), 5, room)
            with self.subTest(room):
                self.assertEqual(shared_names(sources, headers), {}, "names that sources of a room share")

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
        self.assertEqual(set(shared_names({"a.cc": source, "b.cc": other})),
                         {"MACRO", "kConstant", "kText", "Type", "Alias", "Function"})

    def test_overloads_and_equal_aliases_share_nothing(self):
        source = ("namespace {\n\nusing Words = std::string;\nusing std::vector;\n\nint Read(%s x) {\n  return 1;\n}\n\n"
                  "}  // namespace\n")
        self.assertEqual(shared_names({"a.cc": source % "int", "b.cc": source % "float"}), {})

    def test_a_name_from_elsewhere_is_that_of_no_other_s_function(self):
        a = "namespace {\n\nusing google::protobuf::Message;\n\n}  // namespace\n"
        b = "namespace {\n\nstd::string Message(int x) {\n  return {};\n}\n\n}  // namespace\n"
        self.assertEqual(shared_names({"a.cc": a, "b.cc": b}), {"Message": ["a.cc", "b.cc"]})

    def test_a_name_of_a_header_that_another_source_includes(self):
        header = "namespace descent%s {\n\ninline int View(int x) { return x; }\nint Sum(int a,\n        int b);\n\n}\n"
        source = "namespace descent::a {\nnamespace {\n\n%s\n\n}  // namespace\n}\n"
        for own, shared in (("struct View {\n  int x;\n};", {"View"}), ("int Sum(int x, int y) {\n  return 1;\n}", {"Sum"}),
                            ("int Sum(int x) {\n  return 1;\n}", set()), ("struct Views {\n  int x;\n};", set())):
            for inside, is_seen in (("", True), ("::a", True), ("::b", False)):
                found = shared_names({"a.cc": source % own}, {"h.h": header % inside})
                self.assertEqual(set(found), shared if is_seen else set(), own)


if __name__ == "__main__":
    unittest.main()
