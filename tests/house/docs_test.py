"""The page of the wire contract is of the contract that there is; the list of decisions is whole;
files that pages speak of are there."""

import re
import unittest

import api_page

PAGE = (api_page.SOURCE / "docs" / "api.md").read_text(encoding="utf-8")


class ApiPageTest(unittest.TestCase):
    def test_is_of_todays_contract(self):
        self.assertEqual(api_page.noted(PAGE), api_page.digest(),
                         "docs/api.md is of other .proto files: run scripts/api-page")

    def test_has_every_call_and_message(self):
        for path in sorted((api_page.SOURCE / "proto").rglob("*.proto")):
            text = path.read_text(encoding="utf-8")
            for name in re.findall(r"^  rpc (\w+)", text, re.M):
                self.assertIn(f"| `{name}` |", PAGE)
            for name in re.findall(r"^(?:message|enum|service) (\w+)", text, re.M):
                self.assertRegex(PAGE, rf"(?m)^##+ (descent\.v1|inference)(\.\w+)*\.{name}$")

    def test_every_link_leads_somewhere(self):
        headings = {line.lstrip("# ").lower().replace(".", "")
                    for line in PAGE.splitlines() if line.startswith("#")}
        for anchor in re.findall(r"\]\(#([^)]*)\)", PAGE):
            self.assertIn(anchor, headings)

    def test_a_changed_contract_is_noticed(self):
        self.assertNotEqual(api_page.noted(PAGE.replace(api_page.digest(), "0" * 64)),
                            api_page.digest())
        self.assertIsNone(api_page.noted("# a page"))


class DecisionsTest(unittest.TestCase):
    def test_every_decision_is_listed_under_its_title(self):
        directory = api_page.SOURCE / "docs" / "adr"
        table = (directory / "README.md").read_text(encoding="utf-8")
        for path in sorted(directory.glob("0*.md")):
            number, title = re.match(r"# (\d+)\. (.*)", path.read_text(encoding="utf-8")).groups()
            self.assertIn(f"| [{number}]({path.name}) | {title} |", table)


def missing_files(text):
    """The paths in a page's code spans that lead nowhere; patterns must match something."""
    # What is built is not there yet.
    roots = "|".join(re.escape(path.name) for path in api_page.SOURCE.iterdir()
                     if path.is_dir() and path.name != "build")
    return [path for path in re.findall(rf"`((?:{roots})/[\w./*-]+)`", text)
            if not any(api_page.SOURCE.glob(path.rstrip("/")))]


class FilesTest(unittest.TestCase):
    def test_files_that_pages_speak_of_are_there(self):
        # A decision speaks of the files of its day.
        pages = [*api_page.SOURCE.glob("*.md"), *(api_page.SOURCE / "docs").glob("*.md")]
        self.assertGreater(len(pages), 8)
        for page in pages:
            self.assertEqual(missing_files(page.read_text(encoding="utf-8")), [], page)

    def test_one_that_is_not_is_noticed(self):
        self.assertEqual(missing_files("`core/trainer.cc`, `core/no_such.cc`, `server/*.cc`"),
                         ["core/no_such.cc"])


if __name__ == "__main__":
    unittest.main()
