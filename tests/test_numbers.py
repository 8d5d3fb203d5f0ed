"""What numbers look like in warnings, errors, tables and the command's words."""

import re
import warnings

import dask.array as da
import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

import nithresh
import nithresh.dask
from nithresh._numbers import in_full, told_apart
from nithresh.command import main
from nithresh.plotting import plot_stat_map

FLOATS = st.floats(allow_nan=False)
NEAR = st.builds(
    lambda number, steps: float(number + steps * np.spacing(number)),
    st.floats(-1e6, 1e6),
    st.integers(-3, 3),
)


@given(FLOATS)
def test_a_threshold_reads_back(number):
    assert float(in_full(number)) == number
    assert not in_full(number).endswith(".0")


@given(st.lists(FLOATS | NEAR, min_size=1, max_size=5))
def test_numbers_are_told_apart(numbers):
    texts = told_apart(*numbers)
    for number, text in zip(numbers, texts, strict=True):
        for other, text_of_other in zip(numbers, texts, strict=True):
            assert number == other or text != text_of_other
    # No more digits than that, and no sign of zero.
    plain = [f"{number + 0:g}" for number in numbers]
    if len(set(plain)) == len(set(numbers)):
        assert texts == plain


def test_small_floats_and_large_integers_are_told_apart():
    assert told_apart(np.float32(2.3), 2.3) == ["2.3", "2.3"]
    assert told_apart(np.nextafter(np.float32(2.3), np.float32(3)), 2.3)[0] > "2.3"
    assert told_apart(np.int64(2**53), np.int64(2**53 + 1)) == [
        "9007199254740992",
        "9007199254740993",
    ]


def line(*values, dtype=np.float64):
    data = np.array(values, dtype).reshape(-1, 1, 1)
    return nibabel.Nifti1Image(data, np.eye(4))


def of(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = call()
    return result, " ".join(str(warning.message) for warning in caught)


@pytest.mark.parametrize(
    ("values", "dtype", "level", "shown"),
    [
        ((1, 1, -0.5), np.float64, 1.00001, "1.00001"),
        ((3, 3), np.float64, 3.0000000001, "3.0000000001"),
        ((3, 3), np.float32, 3.0000003, "3.0000003"),
        ((3, 3), np.int16, 3.0000001, "3.0000001"),
        ((-3, -3), np.float64, -3.0000001, "-3.0000001"),
    ],
)
def test_a_threshold_a_little_beyond_the_map(values, dtype, level, shown):
    image = line(*values, dtype=dtype)
    words = {"two_sided": level > 0}
    _, warned = of(lambda: nithresh.threshold_img(image, level, **words))
    assert f"threshold {shown} is beyond the range" in warned
    clusters, warned = of(lambda: nithresh.find_clusters(image, level, **words))
    assert f"threshold {shown} is beyond the range" in warned
    assert str(clusters).endswith(f"= {shown}.")
    _, warned = of(lambda: nithresh.get_clusters_table(image, level, **words))
    assert f"than {shown}." in warned
    chunked = da.from_array(np.asanyarray(image.dataobj), chunks=2)
    clusters, warned = of(lambda: nithresh.dask.find_clusters(chunked, level, **words))
    assert f"threshold {shown} is beyond the range" in warned
    assert str(clusters.table).endswith(f"= {shown}.")


def test_no_value_of_a_table_looks_smaller_than_its_threshold():
    image = line(1.00001, 1.00002, 0, 1)
    text = str(nithresh.find_clusters(image, 1.00001))
    assert text.startswith("1 cluster, abs(value) >= 1.00001, ")
    heading, row = (part.split() for part in text.splitlines()[1:])
    cells = dict(zip(heading, row, strict=True))
    assert cells["peak"] == "1.00002"
    assert cells["mean"] == "1.000015"


@pytest.mark.parametrize("percent", ["0%", "95%", "100%"])
def test_a_percentile_of_nothing_says_that_there_is_no_value(percent, tmp_path, capsys):
    image = line(-3, -1)
    words = {"two_sided": False}
    result, warned = of(lambda: nithresh.threshold_img(image, percent, **words))
    assert not np.asanyarray(result.dataobj).any()
    chunked = da.from_array(np.asanyarray(image.dataobj), chunks=1)
    clusters, also = of(lambda: nithresh.find_clusters(image, percent, **words))
    volume, too = of(lambda: nithresh.dask.find_clusters(chunked, percent, **words))
    path, out = tmp_path / "map.nii", tmp_path / "out.nii"
    nibabel.save(image, path)
    done = []
    nithresh.threshold_files([(path, out)], percent, **words, on_result=done.append)
    for text in (warned, also, too, *done[0].warnings):
        assert text == (
            "The threshold is a percentile of the values >= 0, and the map, -3 to -1, "
            "has none: no voxel is kept."
        )
    for table in (clusters.table, volume.table):
        assert str(table) == (
            "No clusters: the threshold is a percentile of the values >= 0, and the "
            "map has none."
        )
    assert main(["clusters", str(path), "-t", percent, "--one-sided"]) == 0
    printed = capsys.readouterr()
    assert "inf" not in printed.out + printed.err


def test_the_command_tells_the_range_from_its_thresholds(tmp_path, capsys):
    path = tmp_path / "map.nii"
    nibabel.save(line(2.2999999, 3.0999999, 2.2999999, 5.0), path)
    assert main(["info", str(path)]) == 0
    text = capsys.readouterr().out
    assert re.search(r"range +2\.2999999 to 5\n", text)
    assert re.search(r"saturation +2\.2999999 in 2 voxels\n", text)


def test_cuts_and_limits_of_figures_are_told_apart():
    image = line(3, 3, 3)
    with pytest.raises(ValueError, match=r"x=2\.500002 outside.* x -0\.5 to 2\.5,"):
        plot_stat_map(image, display_mode="x", cut_coords=[2.500002], figure=Figure())
    with pytest.raises(ValueError, match="runs from 3 to 3, and vmin"):
        plot_stat_map(image, vmin=3.00001, figure=Figure())


def test_shapes_are_plain_numbers(tmp_path):
    # The numbers of this format's shapes are NumPy's.
    def saved(*shape):
        path = tmp_path / f"{'x'.join(map(str, shape))}.mgz"
        data = np.ones(shape, np.float32)
        nibabel.save(nibabel.MGHImage(data, np.eye(4)), path)
        return str(path)

    volume, series = saved(2, 3, 4), saved(2, 3, 4, 5)
    calls = [
        lambda: nithresh.find_clusters(series, 1),
        lambda: nithresh.find_clusters(volume, 1, extra={"other": saved(2, 3, 5)}),
        lambda: nithresh.threshold_img(volume, 1, mask_img=series),
        lambda: nithresh.threshold_img(str(tmp_path / "2x3x4*.mgz"), 1),
        lambda: nithresh.ClusterTree(series),
        lambda: nithresh.get_clusters_table(series, 1),
        lambda: plot_stat_map(series, figure=Figure()),
    ]
    for call in calls:
        with pytest.raises(
            (TypeError, ValueError), match=r"\(2, 3, 4, 5\)|2, 3, 5"
        ) as e:
            call()
        assert "int32" not in str(e.value)
    assert "int32" not in repr(nithresh.ClusterTree(volume))
