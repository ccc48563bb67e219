"""The notebook, executed as a reader would, with its pictures.

    notebook_test.py DESCENTD

Skipped where nbclient, ipykernel or matplotlib is not installed; environments_test.py installs them. Its pictures are left
in $NOTEBOOK_PICTURES if that names a directory.
"""

import base64
import os
import pathlib
import re
import struct
import unittest

import package

try:
    import ipykernel  # noqa: F401
    import matplotlib  # noqa: F401
    import nbclient
    import nbformat
except ImportError as missing:
    print(f"skipped: {missing}")
    raise SystemExit(0) from None

NOTEBOOK = package.SOURCES / "notebooks/first_steps.ipynb"


class NotebookTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.notebook = nbformat.read(NOTEBOOK, as_version=4)
        nbclient.NotebookClient(cls.notebook, timeout=300, kernel_name="python3").execute()
        cls.outputs = [output for cell in cls.notebook.cells for output in cell.get("outputs", ())]

    def test_is_kept_without_outputs(self):
        for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
            self.assertFalse(cell.get("outputs"))

    def test_its_pictures_are_drawn(self):
        pictures = [base64.b64decode(output["data"]["image/png"]) for output in self.outputs
                    if "image/png" in output.get("data", {})]
        self.assertEqual(len(pictures), 3)
        for number, picture in enumerate(pictures):
            width, height = struct.unpack(">II", picture[16:24])
            self.assertGreater(min(width, height), 200)
            if "NOTEBOOK_PICTURES" in os.environ:
                (pathlib.Path(os.environ["NOTEBOOK_PICTURES"]) / f"{number}.png").write_bytes(picture)

    def test_it_shows_what_it_says(self):
        shown = "\n".join(output.get("data", {}).get("text/plain", "") + output.get("text", "")
                          for output in self.outputs)
        self.assertIn("TrainingSummary(", shown)
        self.assertIn("WRONG_SHAPE", shown)
        self.assertIn("True", shown)  # the restored state is the saved one
        accuracy = re.search(r"'accuracy': ([\d.]+)", shown).group(1)
        self.assertGreater(float(accuracy), 0.97)


if __name__ == "__main__":
    package.main()
