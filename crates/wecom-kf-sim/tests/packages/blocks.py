"""Writes the code blocks of a page that have a file name with this suffix into a folder. Usage: blocks.py PAGE FOLDER SUFFIX"""

import re
import sys
from pathlib import Path

page, folder, suffix = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
blocks = re.findall(r"^```\w+ (\S+)\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
wanted = [(name, text) for name, text in blocks if name.endswith(suffix)]
if not wanted:
    sys.exit(f"{page} has no block with a file name that ends with {suffix}")
for name, text in wanted:
    (folder / name).write_text(text, "utf-8")
