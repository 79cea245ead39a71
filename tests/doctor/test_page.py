"""The page of findings and figures."""

import re
from pathlib import Path

from perception_kd.doctor.caches import open_caches
from perception_kd.doctor.figures import Figure, SampleFigures, draw_samples
from perception_kd.doctor.finding import Finding, Level
from perception_kd.doctor.page import render_findings, write_page
from tests.doctor.conftest import SmallSet

HOSTILE = "</td><script>alert(1)</script><img src=x onerror=alert(1)>"


def test_findings_are_sorted_and_counted(tmp_path: Path) -> None:
    findings = [
        Finding(Level.OK, "data", "All is well."),
        Finding(Level.ERROR, "data", "It is broken.", "a.bin", "copy it", 2, ("a.bin", "b.bin")),
    ]
    write_page(tmp_path / "page.html", findings, [])
    page = (tmp_path / "page.html").read_text()
    assert page.index("It is broken.") < page.index("All is well.")
    assert "1 error</span>" in page
    assert "<li><code>b.bin</code></li>" in page


def test_text_of_files_is_escaped() -> None:
    finding = Finding(Level.ERROR, HOSTILE, HOSTILE, HOSTILE, HOSTILE, 2, (HOSTILE, HOSTILE))
    figure = Figure("title", "hint", missing=HOSTILE)
    page = render_findings([finding], [SampleFigures(HOSTILE, [figure])])
    assert "<script>" not in page
    assert "<img" not in page
    assert page.count("&lt;script&gt;") >= 7


def test_samples_are_drawn(small_set: SmallSet) -> None:
    caches, _ = open_caches([small_set.info], None)
    (sample,) = draw_samples(small_set.info, caches, 1)
    assert small_set.info.samples[0]["token"] in sample.name
    assert [figure.missing for figure in sample.figures] == [""] * 4
    page = render_findings([], [sample])
    assert page.count('<img src="data:image/') == 4
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)


def test_a_figure_of_a_broken_file_says_why(small_set: SmallSet) -> None:
    small_set.path("CAM_BACK", 0).unlink()
    (sample,) = draw_samples(small_set.info, [], 1)
    first, *others = sample.figures
    assert first.missing.startswith("Not drawn: FileNotFoundError: No image at")
    assert all(figure.url for figure in others)
