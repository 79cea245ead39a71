"""Legends: all names are written, in lines that fit."""

import numpy as np

from perception_kd.visualization.legend import LINE_HEIGHT, add_legend

RED, BLUE = (250, 0, 0), (0, 0, 250)


def test_a_legend_above_the_image_shows_its_colors() -> None:
    image = np.full((30, 300, 3), 7, np.uint8)
    drawn = add_legend(image, "a title", [("one", RED), ("two", BLUE)])
    assert drawn.shape == (30 + 2 * LINE_HEIGHT, 300, 3)
    assert np.array_equal(drawn[2 * LINE_HEIGHT :], image)
    columns = [np.flatnonzero((drawn == color).all(axis=2).any(axis=0)) for color in (RED, BLUE)]
    assert columns[0].max() < columns[1].min()


def test_names_that_do_not_fit_are_wrapped() -> None:
    image = np.zeros((10, 120, 3), np.uint8)
    names = [(f"a longer name {number}", (10 + number, 0, 0)) for number in range(3)]
    drawn = add_legend(image, "a title that is much too long for such a narrow image", names)
    assert drawn.shape == (10 + 4 * LINE_HEIGHT, 120, 3)
    for number, (_, color) in enumerate(names):
        rows = np.flatnonzero((drawn == color).all(axis=2).any(axis=1))
        assert rows[0] // LINE_HEIGHT == rows[-1] // LINE_HEIGHT == 1 + number
