"""The page of the wire contract is of the contract that there is; the list of decisions is whole."""

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
                self.assertRegex(PAGE, rf"(?m)^##+ descent\.v1\.{name}$")

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


if __name__ == "__main__":
    unittest.main()
