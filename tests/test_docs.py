"""Files, configs and commands that the documentation names exist."""

import ast
import re
from collections import Counter
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    path
    for path in sorted(ROOT.rglob("*.md"))
    if path.relative_to(ROOT).parts[0] in ("configs", "docs", "data", "examples")
    or path.parent == ROOT
]
# A name in backticks that is a path: it has a folder, a suffix, or ends with a slash.
PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|md|toml|json))`")
CONFIG = re.compile(r"configs/[\w./-]+\.py")
VARIABLE = re.compile(r"^CONFIG=(\S+)", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")
MAKE = re.compile(r"^make ([a-z-]+)", re.MULTILINE)


def page_id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_architecture_names_only_files_that_exist() -> None:
    names = PATH.findall((ROOT / "docs/architecture.md").read_text())
    assert len(names) > 50
    bases = (ROOT, ROOT / "perception_kd")
    missing = [name for name in names if not any((base / name).exists() for base in bases)]
    assert not missing, missing


def test_architecture_names_every_folder_beside_the_package() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    folders = ("configs", "docs", "examples", "tests", "tools")
    assert [name for name in folders if f"`{name}/`" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_configs_and_links_of_a_page_exist(page: Path) -> None:
    text = page.read_text()
    missing = [name for name in CONFIG.findall(text) if not (ROOT / name).is_file()]
    for name in VARIABLE.findall(text):
        missing += [] if list(ROOT.glob(f"configs/*/{name}.py")) else [name]
    missing += [name for name in LINK.findall(text) if not (page.parent / name).exists()]
    assert not missing, missing


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_files_that_a_page_links_to_are_part_of_the_site(page: Path) -> None:
    tree = ast.parse((ROOT / "docs/site_pages.py").read_text())
    lists = {
        target.id: eval(ast.unparse(node.value))
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(target := node.targets[0], ast.Name)
        if target.id in ("SHOWN", "FOLDERS", "SUFFIXES")
    }
    linked = [(page.parent / name).resolve() for name in LINK.findall(page.read_text())]
    names = [str(path.relative_to(ROOT)) for path in linked if path.is_file()]
    missing = [
        name
        for name in names
        if name not in lists["SHOWN"]
        and not (name.split("/")[0] in lists["FOLDERS"] and name.endswith(lists["SUFFIXES"]))
    ]
    assert not missing, f"{missing}: add them to the lists of docs/site_pages.py"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_make_targets_of_a_page_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(MAKE.findall(page.read_text())) <= targets


def test_the_page_of_configs_explains_every_method_and_recipe() -> None:
    text = (ROOT / "configs/README.md").read_text()
    names = [path.stem.split("_")[0] for path in ROOT.glob("configs/*/*_?xb*.py")]
    assert len(set(names)) > 10
    tokens = {token for name in names for token in name.split("-")}
    assert [token for token in sorted(tokens) if not re.search(rf"[`-]{token}[`-]", text)] == []


def test_no_bullet_of_the_changelog_stands_twice() -> None:
    bullets = read_bullets((ROOT / "CHANGELOG.md").read_text())
    assert [text for text, count in Counter(bullets).items() if count > 1] == []
    # Merged bullets of one tool differ in their ends; nothing else begins alike.
    starts = Counter(bullet[:60] for bullet in bullets)
    assert [start for start, count in starts.items() if count > 1] == []


def test_modules_of_the_migration_tables_exist() -> None:
    lines = (ROOT / "CHANGELOG.md").read_text().split("\n")
    starts = [number for number, line in enumerate(lines) if "now (`perception_kd.`...)" in line]
    rows = [row for start in starts for row in takewhile(str.strip, lines[start + 2 :])]
    names = [name for row in rows for name in re.findall(r"`([\w.]+)`", row.split(" | ")[2])]
    assert len(names) > 50
    assert [name for name in names if not is_importable(f"perception_kd.{name}")] == []


def is_importable(name: str) -> bool:
    """Return whether a module exists, or that of a class with a dotted name."""
    module, _, last = name.rpartition(".")
    return find_spec(module if last[0].isupper() else name) is not None


def read_bullets(text: str) -> list[str]:
    """Return the bullets of a page, each in one line with the lines it continues on."""
    bullets = re.findall(r"^- .*(?:\n {2}[^|\s].*)*", text, flags=re.MULTILINE)
    assert len(bullets) > 50
    return [re.sub(r"\n +", " ", text) for text in bullets if not text.endswith(":")]
