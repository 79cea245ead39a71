"""Hooks of mkdocs: the pages of the site are those of the repository, where they are.

Links between pages, to configs and to programs work on the site as they do in a
checkout. Equations become MathML, which browsers show without a script.
"""

import html
import re
import subprocess
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
SHOWN = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE")
FOLDERS = ("docs", "configs", "data", "examples", "tools", "perception_kd", "requirements")
SUFFIXES = (
    ".md",
    ".py",
    ".sh",
    ".toml",
    ".txt",
    ".ipynb",
    ".json",
    ".yaml",
    ".jpg",
    ".png",
    ".svg",
)
INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
BLOCK = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)


def on_files(files: Files, config: MkDocsConfig, **kwargs: Any) -> Files:
    """Replace the files of docs/ by those of the repository, paths from its root."""
    kept = [file for file in files if not str(file.abs_src_path or "").startswith(config.docs_dir)]
    return Files([*kept, *(make_file(name, config) for name in list_files())])


def list_files() -> list[str]:
    """Return what the site has: pages, and the files that pages may link to."""
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [
        name
        for name in sorted(listed.stdout.splitlines())
        if (ROOT / name).is_file()
        and (name in SHOWN or (name.split("/")[0] in FOLDERS and name.endswith(SUFFIXES)))
    ]


def make_file(name: str, config: MkDocsConfig) -> File:
    """Make the entry of a file; pages and programs keep their paths."""
    return File.generated(config, name, abs_src_path=str(ROOT / name))


def on_page_content(content: str, **kwargs: Any) -> str:
    """Replace equations in TeX by MathML.

    Raises:
        ValueError: If an equation cannot be read.
    """
    content = INLINE.sub(lambda found: to_mathml(found[1], "inline"), content)
    return BLOCK.sub(lambda found: f"<p>{to_mathml(found[1], 'block')}</p>", content)


def to_mathml(tex: str, display: str) -> str:
    """Return an equation as an element ``math``."""
    tex = html.unescape(tex).strip()
    try:
        element: str = convert(tex, display=display)
    except Exception as error:
        raise ValueError(f"This equation cannot be read: {tex}") from error
    return element
