"""Permutation tests against brute force, against peers, and against their own rules."""

import itertools
import math
import os
import signal
import warnings

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage, stats

import nithresh
from nithresh._rules import RULES
from nithresh.permutation.design import read_design
from nithresh.permutation.loop import Loop
from nithresh.permutation.maxima import Maxima, Statistics
from nithresh.permutation.observations import observe
from nithresh.permutation.shuffles import Shuffle, Shuffles

STRUCTURES = {6: 1, 18: 2, 26: 3}


def image(data, affine=None):
    data = np.asarray(data)
    data = data.astype(np.uint8) if data.dtype == bool else data
    return nibabel.Nifti1Image(data, np.eye(4) if affine is None else affine)


def group(count, shape=(6, 5, 7), seed=0, effect=0.0):
    """Maps of noise that is smooth enough to have clusters, one in a row, and a "
    "mask."""
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < 0.85
    noise = rng.standard_normal((count, *shape))
    smooth = ndimage.gaussian_filter(noise, (0, 0.7, 0.7, 0.7))
    smooth[:, 1:3, 1:3, 1:3] += effect
    return smooth[:, mask].astype(np.float32), mask


def expected_maxima(values, mask, threshold, connectivity, two_sided):
    """Return peak, extent, mass, excess and score of one map, by the slowest way."""
    volume = np.zeros(mask.shape)
    volume[mask] = values
    structure = ndimage.generate_binary_structure(3, STRUCTURES[connectivity])
    found = np.zeros(5)
    for sign in (1, -1) if two_sided else (1,):
        side = volume * sign
        labels, count = ndimage.label(side >= threshold, structure)
        numbers = range(1, count + 1)
        extents = ndimage.sum(np.ones(mask.shape), labels, numbers)
        masses = ndimage.sum(side, labels, numbers)
        scores = np.zeros(mask.shape)
        heights = np.unique(side[side > 0])
        for below, height in zip([0, *heights[:-1]], heights, strict=True):
            labels, _ = ndimage.label(side >= height, structure)
            sizes = np.bincount(labels.ravel())
            sizes[0] = 0
            scores += np.sqrt(sizes[labels]) * (height**3 - below**3) / 3
        own = [
            side[mask].max(),
            max(extents, default=0),
            max(masses, default=0),
            max(np.asarray(masses) - threshold * np.asarray(extents), default=0),
            scores.max(),
        ]
        found = np.maximum(found, own)
    return found


def t_values(values, columns, contrast):
    """Return t by ordinary least squares in double precision."""
    inverse = np.linalg.pinv(columns)
    beta = inverse @ values
    residuals = values - columns @ beta
    df = len(values) - columns.shape[1]
    scale = np.sqrt((residuals**2).sum(axis=0) / df)
    return (
        contrast @ beta / (scale * np.sqrt(contrast @ inverse @ inverse.T @ contrast))
    )


def of_null(null, row):
    return [
        null.peak[row],
        null.extent[row, 0],
        null.mass[row, 0],
        null.excess_mass[row, 0],
        null.tfce[row],
    ]


@pytest.mark.parametrize("connectivity", [6, 18, 26])
@pytest.mark.parametrize("two_sided", [True, False])
def test_all_flips_by_brute_force(connectivity, two_sided):
    values, mask = group(6, effect=0.5)
    result = nithresh.permutation_test(
        values,
        mask_img=image(mask),
        threshold=1.5,
        two_sided=two_sided,
        connectivity=connectivity,
    )
    assert (result.shuffle, len(result.null)) == ("signs", 64)
    expected = []
    for signs in itertools.product([1, -1], repeat=6):
        flipped = values.astype(float) * np.array(signs)[:, None]
        t = t_values(flipped, np.ones((6, 1)), np.ones(1))
        expected.append(expected_maxima(t, mask, 1.5, connectivity, two_sided))
    found = np.array([of_null(result.null, row) for row in range(64)])
    assert np.allclose(found[0], expected[0], rtol=3e-5)
    order = [np.lexsort(np.round(rows, 3).T) for rows in (found, np.array(expected))]
    assert np.allclose(found[order[0]], np.array(expected)[order[1]], rtol=1e-4)
    # The p of the identity counts itself, and all others that reach it.
    for column, name in enumerate(["peak", "extent", "mass", "excess_mass", "tfce"]):
        rows = np.array(expected)[:, column]
        p = np.mean(rows >= rows[0] * (1 - 1e-5))
        assert result.null.p(name, rows[0]) == pytest.approx(p)


DESIGNS = {
    "two samples": (lambda rng: np.repeat([0.0, 1.0], 5)[:, None], [1.0], None),
    "with an intercept": (
        lambda rng: np.column_stack([np.repeat([0.0, 1.0], 5), np.ones(10)]),
        [1.0, 0.0],
        None,
    ),
    "regression with nuisance": (
        lambda rng: np.column_stack([rng.standard_normal((10, 3)), np.ones(10)]),
        [1.0, 0.0, 0.0, 0.0],
        None,
    ),
    "a difference of columns": (
        lambda rng: np.column_stack([np.repeat([1.0, 0], 5), np.repeat([0, 1.0], 5)]),
        [1.0, -1.0],
        None,
    ),
}


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("kind", ["labels", "signs", "both"])
def test_freedman_lane_by_its_definition(name, kind):
    make, contrast, _ = DESIGNS[name]
    columns, contrast = make(np.random.default_rng(3)), np.array(contrast)
    values, mask = group(10, seed=4)
    values = values + 3  # a mean, which an intercept must take away
    model = read_design(columns, contrast, 10)
    loop = Loop(
        observe(values, model),
        mask,
        Shuffles(kind, model.columns, 7),
        Statistics((1.5,), 6, two_sided=True, tfce=False),
    )
    count = min(20, loop.shuffles.total)
    shuffles = [loop.shuffles.shuffle(number) for number in range(count)]
    # The space in which the contrast is zero.
    _, _, directions = np.linalg.svd(contrast[None])
    nuisance = columns @ directions[1:].T
    fit = nuisance @ np.linalg.pinv(nuisance)
    left = values - fit @ values
    for (order, signs), found in zip(shuffles, loop.maps(shuffles), strict=True):
        # Image order[n] takes the place of image n.
        shuffled = left[order] * signs[:, None]
        expected = t_values(shuffled, columns, contrast)
        assert np.allclose(found, expected, rtol=2e-5, atol=2e-5)
    assert np.allclose(
        loop.maps(shuffles[:1])[0], t_values(values, columns, contrast), atol=1e-4
    )


def test_an_f_of_one_row_is_the_square_of_t():
    values, mask = group(12, seed=5)
    design = np.column_stack([np.repeat([0.0, 1, 2], 4) == n for n in range(3)]).astype(
        float
    )
    t = nithresh.permutation_test(
        values, design, [1, -1, 0], mask_img=image(mask), threshold=2, n_permutations=50
    )
    both = nithresh.permutation_test(
        values,
        design,
        [[1, -1, 0], [0, 1, -1]],
        mask_img=image(mask),
        threshold=2,
        n_permutations=50,
    )
    f = stats.f_oneway(values[:4], values[4:8], values[8:])
    assert np.allclose(both.stat_img.get_fdata()[mask], f.statistic, rtol=1e-4)
    assert both.stat_img.header.get_intent()[:2] == ("f test", (2.0, 9.0))
    assert t.stat_img.header.get_intent()[:2] == ("t test", (9.0,))
    assert (both.clusters.table["sign"] == 1).all()


class TestNilearn:
    """nilearn's null from nilearn's own random numbers."""

    @staticmethod
    def outputs(values, mask, tested, covars, *, two_sided, seed=3, count=40):
        from nilearn.maskers import NiftiMasker
        from nilearn.mass_univariate import permuted_ols

        masker = NiftiMasker(image(mask)).fit()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = permuted_ols(
                tested,
                values,
                confounding_vars=covars,
                model_intercept=covars is not None,
                n_perm=count,
                two_sided_test=two_sided,
                random_state=seed,
                threshold=0.05,
                masker=masker,
                output_type="dict",
                verbose=0,
            )
        top = np.random.RandomState(seed)
        rng = np.random.RandomState(top.randint(1, np.iinfo(np.int32).max - 1))
        return found, rng

    @pytest.mark.parametrize("two_sided", [True, False])
    def test_signs(self, two_sided):
        values, mask = group(12, seed=1)
        tested = np.ones((12, 1))
        found, rng = self.outputs(values, mask, tested, None, two_sided=two_sided)
        signs, shuffles = np.ones(12, int), []
        for _ in range(40):
            # It flips what it has flipped before.
            signs = signs * (rng.randint(2, size=(12, 1)) * 2 - 1)[:, 0]
            shuffles.append(Shuffle(np.arange(12), signs))
        self.compare(
            found,
            values,
            mask,
            read_design(None, None, 12),
            "signs",
            shuffles,
            two_sided,
        )

    @pytest.mark.parametrize("two_sided", [True, False])
    def test_labels_with_a_covariate(self, two_sided):
        values, mask = group(12, seed=2)
        rng = np.random.default_rng(0)
        tested = np.repeat([0.0, 1.0], 6)[:, None]
        covars = rng.standard_normal((12, 1))
        found, rng = self.outputs(values, mask, tested, covars, two_sided=two_sided)
        order, shuffles = np.arange(12), []
        for _ in range(40):
            # It moves the design, and ours moves the images: the inverse.
            order = order[rng.permutation(12)]
            shuffles.append(Shuffle(np.argsort(order), np.ones(12, np.int8)))
        design = np.column_stack([tested, covars, np.ones(12)])
        model = read_design(design, [1, 0, 0], 12)
        self.compare(found, values, mask, model, "labels", shuffles, two_sided)

    @staticmethod
    def compare(found, values, mask, model, kind, shuffles, two_sided):
        p = 0.05 / (2 if two_sided else 1)
        threshold = stats.t.isf(p, model.degrees_of_freedom)
        loop = Loop(
            observe(values, model),
            mask,
            Shuffles(kind, model.columns, 0),
            Statistics((threshold,), 6, two_sided=two_sided, tfce=False),
        )
        ours = Maxima.of(loop.statistics.of(loop.maps(shuffles), mask), loop.statistics)
        assert np.allclose(ours.peak.max(axis=1), found["h0_max_t"][0], rtol=1e-4)
        assert (ours.extent[..., 0].max(axis=1) == found["h0_max_size"][0]).all()
        mass = ours.excess_mass[..., 0].max(axis=1)
        assert np.allclose(mass, found["h0_max_mass"][0], rtol=1e-3, atol=1e-4)


def test_scores_are_those_of_the_tfce_package():
    import tfce

    values, mask = group(20, seed=8)
    maxima = nithresh.cluster_maxima(values * 3, mask, connectivity=26)
    for row, found in zip(values * 3, maxima.tfce, strict=True):
        volume = np.zeros(mask.shape, np.float32)
        volume[mask] = row
        expected = [
            np.asarray(
                tfce.tfce(np.maximum(side, 0), E=0.5, H=2.0, connectivity=26)
            ).max()
            for side in (volume, -volume)
        ]
        assert np.allclose(found, expected, rtol=1e-5)


@given(
    st.integers(0, 2**32),
    st.sampled_from([6, 18, 26]),
    st.booleans(),
    st.sampled_from([None, ">=", ">"]),
    st.sampled_from([None, *RULES]),
)
def test_maxima_are_those_of_tables_and_scores(
    seed, connectivity, two_sided, comparison, rules
):
    words = {
        "connectivity": connectivity,
        "two_sided": two_sided,
        "comparison": comparison,
        "rules": rules,
    }
    rng = np.random.default_rng(seed)
    mask = rng.random((4, 5, 3)) < 0.8
    mask[0, 0, 0] = True
    maps = rng.integers(-4, 5, (3, int(mask.sum()))).astype(np.float32)
    maxima = nithresh.cluster_maxima(maps, mask, thresholds=[1, 2.5], **words)
    volumes = np.zeros((3, *mask.shape), np.float32)
    volumes[:, mask] = maps
    again = nithresh.cluster_maxima(volumes, mask, thresholds=[1, 2.5], **words)
    for name in ("peak", "extent", "mass", "excess_mass", "tfce"):
        assert np.array_equal(getattr(maxima, name), getattr(again, name))
    for number, volume in enumerate(volumes):
        for level, threshold in enumerate([1, 2.5]):
            table = nithresh.find_clusters(
                image(volume), threshold, max_peaks=1, **words
            ).table
            for column, sign in enumerate((1, -1) if two_sided else (1,)):
                own = table["sign"] == sign
                extent = table["extent"][own]
                mass = np.abs(table["mass"][own])
                assert maxima.extent[number, column, level] == max(extent, default=0)
                assert maxima.mass[number, column, level] == max(mass, default=0)
                excess = max(mass - threshold * extent, default=0)
                found = maxima.excess_mass[number, column, level]
                # Of a strict threshold it is what exceeds the next number of float32.
                is_strict = table.choices["comparison"].endswith(">")
                slack = 3e-7 * extent.sum() if is_strict else 0
                assert excess - slack <= found <= excess
        scores = nithresh.tfce(
            volume.astype(float), connectivity=connectivity, two_sided=two_sided
        )
        assert math.isclose(maxima.tfce[number, 0], max(scores.max(), 0), rel_tol=1e-12)


class TestShuffles:
    """Each shuffle comes once, depends on its number alone, and keeps to its blocks."""

    @pytest.mark.parametrize(
        ("kind", "rows", "total"),
        [
            ("signs", np.ones(6), 32),
            ("labels", np.repeat([0.0, 1], 3), 20),
            ("labels", np.arange(5.0), 120),
            ("both", np.repeat([0.0, 1], 2), 6 * 2),
        ],
    )
    def test_all_of_them(self, kind, rows, total):
        shuffles = Shuffles(kind, rows[:, None], 3)
        assert shuffles.total == total
        seen = set()
        for number in range(total):
            order, signs = shuffles.shuffle(number)
            assert sorted(order) == list(range(len(rows)))
            # What becomes of the design: image order[n] stands in row n.
            seen.add((*rows[np.argsort(order)], *signs[np.argsort(order)]))
        assert len(seen) == total
        order, signs = shuffles.shuffle(0)
        assert order.tolist() == list(range(len(rows)))
        assert (signs == 1).all()

    def test_within_blocks(self):
        blocks = np.array([0, 0, 0, 1, 1, 1, 1])
        shuffles = Shuffles("labels", np.arange(7.0)[:, None], 3, within=blocks)
        assert shuffles.total == 6 * 24
        for number in range(shuffles.total):
            order, _ = shuffles.shuffle(number)
            assert (blocks[order] == blocks).all()

    def test_whole_blocks(self):
        blocks = np.array([0, 0, 1, 1, 2, 2])
        shuffles = Shuffles("both", np.arange(6.0)[:, None], 3, whole=blocks)
        assert shuffles.total == 6 * 4
        for number in range(shuffles.total):
            order, signs = shuffles.shuffle(number)
            assert (order[::2] + 1 == order[1::2]).all()
            assert (signs[::2] == signs[1::2]).all()

    def test_many(self):
        shuffles = Shuffles("both", np.arange(60.0)[:, None], 3)
        drawn = [shuffles.shuffle(number) for number in range(200)]
        again = [
            Shuffles("both", np.arange(60.0)[:, None], 3).shuffle(n) for n in range(200)
        ]
        assert all(
            (one.order == other.order).all() and (one.signs == other.signs).all()
            for one, other in zip(drawn, again, strict=True)
        )
        assert len({(*one.order, *one.signs) for one in drawn}) == 200
        other = Shuffles("both", np.arange(60.0)[:, None], 4).shuffle(1)
        assert (other.order != drawn[1].order).any()


# The error rate is found from so many maps without an effect; more of them by
# `make test-long`.
DATASETS = int(os.environ.get("NITHRESH_TEST_DATASETS", "250"))


@pytest.mark.parametrize("errors", ["symmetric", "skewed"])
@pytest.mark.parametrize("name", ["one sample", "two samples", "with an intercept"])
@pytest.mark.parametrize("two_sided", [True, False])
def test_the_error_rate_without_an_effect(errors, name, two_sided):
    if name == "one sample" and errors == "skewed":
        pytest.skip("flipped signs need symmetric errors")
    columns = np.column_stack([np.repeat([0.0, 1], [4, 8]), np.ones(12)])
    design, contrast = {
        "one sample": (None, None),
        "two samples": (columns[:, :1], None),
        "with an intercept": (columns, [1, 0]),
    }[name]
    rng = np.random.default_rng(1)
    mask = np.ones((5, 5, 5), bool)
    hits = dict.fromkeys(["peak", "extent", "mass", "excess_mass", "tfce"], 0)
    for seed in range(DATASETS):
        noise = rng.standard_normal((12, 5, 5, 5))
        values = ndimage.gaussian_filter(noise, (0, 0.7, 0.7, 0.7))
        if errors == "skewed":
            values = np.exp(3 * values)
        null = nithresh.permutation_test(
            values[:, mask],
            design,
            contrast,
            mask_img=image(mask),
            threshold=1.5,
            n_permutations=100,
            two_sided=two_sided,
            seed=seed,
            jobs=1,
        ).null
        for statistic in hits:
            hits[statistic] += bool(null.p(statistic, null.of(statistic)[0]) <= 0.05)
    # A test at 5 % has more hits than this once in a million times.
    most = stats.binom.isf(1e-6, DATASETS, 0.05)
    assert max(hits.values()) <= most, hits


def test_the_error_rate_of_peaks_from_both_sides():
    # Enough maps that a rate of 8 % or of 2 % shows.
    rng = np.random.default_rng(2)
    mask = image(np.ones((3, 1, 1), bool))
    columns = np.column_stack([np.repeat([0.0, 1], [4, 8]), np.ones(12)])
    count, hits = 4 * DATASETS, 0
    for seed in range(count):
        null = nithresh.permutation_test(
            np.exp(2 * rng.standard_normal((12, 3))),
            columns,
            [1, 0],
            mask_img=mask,
            n_permutations=60,
            tfce=False,
            seed=seed,
            jobs=1,
        ).null
        hits += bool(null.p("peak", null.peak[0]) <= 0.05)
    assert stats.binom.ppf(1e-6, count, 0.05) > 0.015 * count
    assert stats.binom.ppf(1e-6, count, 0.05) <= hits
    assert hits <= stats.binom.isf(1e-6, count, 0.05)


@pytest.mark.filterwarnings("ignore:32 permutations")
@pytest.mark.parametrize("two_sided", [True, False])
def test_all_flips_of_a_map_have_p_of_all_ranks(two_sided):
    # The p of the identities of all flipped maps are those of ranks: 1/B, 2/B, ...
    values, mask = group(5, seed=12)
    found = []
    for signs in itertools.product([1, -1], repeat=5):
        null = nithresh.permutation_test(
            values * np.array(signs, np.float32)[:, None],
            mask_img=image(mask),
            threshold=1,
            two_sided=two_sided,
        ).null
        found.append(float(null.p("peak", null.peak[0])))
    step = 2 if two_sided else 1
    expected = np.repeat(np.arange(step, 33, step) / 32, step)
    assert np.allclose(np.sort(found), expected)


def test_an_intercept_changes_nothing():
    values, mask = group(10, seed=6)
    values += 5
    group_column = np.repeat([0.0, 1], 5)
    designs = [
        {"group": group_column, "intercept": np.ones(10)},
        np.column_stack([np.ones(10), group_column]),
        np.column_stack([group_column, 1 - group_column]),
    ]
    contrasts = ["group", [0, 1], [1, -1]]
    results = [
        nithresh.permutation_test(
            values,
            design,
            contrast,
            mask_img=image(mask),
            n_permutations=60,
            threshold=2,
        )
        for design, contrast in zip(designs, contrasts, strict=True)
    ]
    assert [result.shuffle for result in results] == ["labels"] * 3
    for result in results[1:]:
        for name in ("peak", "extent", "mass", "tfce"):
            assert np.allclose(
                result.null.of(name), results[0].null.of(name), rtol=1e-4
            )


def test_both_tails_of_two_samples_are_alike():
    values, mask = group(10, seed=9, effect=0.6)
    column = np.repeat([0.0, 1], 5)
    one, other = (
        nithresh.permutation_test(
            values,
            {"group": tested, "one": np.ones(10)},
            "group",
            mask_img=image(mask),
            n_permutations=100,
            threshold=2,
        )
        for tested in (column, 1 - column)
    )
    assert np.allclose(one.null.peak, other.null.peak, rtol=1e-5)
    assert np.array_equal(one.null.extent, other.null.extent)
    assert np.allclose(one.stat_img.get_fdata(), -other.stat_img.get_fdata(), atol=1e-5)


class TestTheSameNull:
    """The null depends on data, design and seed, and on nothing else."""

    @staticmethod
    def numbers(result):
        return {name: result.null.of(name) for name in result.null.statistics}

    def test_whatever_the_jobs_and_the_blocks(self, monkeypatch):
        values, mask = group(14, seed=1)
        words = {"mask_img": image(mask), "n_permutations": 101, "threshold": [1.5, 2]}
        first = nithresh.permutation_test(values, jobs=1, **words)
        for jobs, room in [(2, 1 << 24), (3, 4096), (1, 1), (4, 1 << 30)]:
            monkeypatch.setattr("nithresh.permutation.loop._BLOCK_BYTES", room)
            other = nithresh.permutation_test(values, jobs=jobs, **words)
            for name in ("peak", "extent", "mass", "excess_mass", "tfce"):
                assert np.array_equal(
                    getattr(first.null, name), getattr(other.null, name)
                )

    def test_of_fewer_permutations(self):
        values, mask = group(14, seed=1)
        few, many = (
            nithresh.permutation_test(
                values, mask_img=image(mask), n_permutations=count, threshold=2
            )
            for count in (30, 80)
        )
        assert np.array_equal(few.null.tfce, many.null.tfce[:30])

    @pytest.mark.parametrize("design", [None, "covariate"])
    def test_of_a_file(self, tmp_path, design, monkeypatch):
        values, mask = group(14, seed=1)
        # Parts of a few voxels, and of others in a file.
        monkeypatch.setattr("nithresh.permutation.observations._NUMBERS", 14 * 9)
        monkeypatch.setattr(
            "nithresh.permutation.observations._NUMBERS_OF_FILE", 14 * 32
        )
        columns = None
        contrast = None
        if design:
            rng = np.random.default_rng(2)
            columns = np.column_stack([rng.standard_normal(14), np.ones(14)])
            contrast = [1, 0]
        words = {"mask_img": image(mask), "n_permutations": 50, "threshold": 2}
        imgs = []
        for row in values:
            volume = np.zeros(mask.shape, np.float32)
            volume[mask] = row
            imgs.append(image(volume))
        nithresh.stack(imgs, image(mask), tmp_path / "maps.npy")
        results = [
            nithresh.permutation_test(given, columns, contrast, **words)
            for given in (
                values,
                imgs,
                nibabel.concat_images(imgs),
                tmp_path / "maps.npy",
                np.load(tmp_path / "maps.npy", mmap_mode="r"),
                np.asfortranarray(values),
            )
        ]
        for result in results[1:]:
            assert np.array_equal(result.null.tfce, results[0].null.tfce)
            assert np.array_equal(result.null.mass, results[0].null.mass)

    def test_after_an_interruption(self, tmp_path):
        values, mask = group(14, seed=1)
        words = {
            "mask_img": image(mask),
            "n_permutations": 60,
            "threshold": 2,
            "jobs": 1,
        }
        whole = nithresh.permutation_test(values, **words)

        class StopError(Exception):
            pass

        def stop(done, total):
            assert total == 60
            if done > 20:
                raise StopError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("nithresh.permutation.loop._BLOCK_BYTES", 4096)
            with pytest.raises(StopError):
                nithresh.permutation_test(
                    values, checkpoint=tmp_path / "c.npz", on_progress=stop, **words
                )
            first = []
            again = nithresh.permutation_test(
                values,
                checkpoint=tmp_path / "c.npz",
                on_progress=lambda done, total: first.append(done),
                **words,
            )
        assert first[0] > 20
        assert first[-1] == 60
        assert np.array_equal(whole.null.tfce, again.null.tfce)
        # Fewer permutations leave what is done.
        few = nithresh.permutation_test(
            values, checkpoint=tmp_path / "c.npz", **{**words, "n_permutations": 30}
        )
        assert np.array_equal(few.null.tfce, whole.null.tfce[:30])
        assert np.load(tmp_path / "c.npz")["done"].sum() == 60
        # More permutations go on from there, and another run is refused.
        more = nithresh.permutation_test(
            values, checkpoint=tmp_path / "c.npz", **{**words, "n_permutations": 80}
        )
        assert np.array_equal(more.null.tfce[:60], whole.null.tfce)
        for other in ({"seed": 1}, {"threshold": 2.5}, {"connectivity": 26}):
            with pytest.raises(ValueError, match="c.npz.*belongs to another run"):
                nithresh.permutation_test(
                    values, checkpoint=tmp_path / "c.npz", **{**words, **other}
                )
        with pytest.raises(ValueError, match="belongs to another run"):
            nithresh.permutation_test(
                values + 1, checkpoint=tmp_path / "c.npz", **words
            )
        (tmp_path / "d.npz").write_bytes(b"nothing")
        np.save(tmp_path / "e.npy", values)
        (tmp_path / "e.npy").rename(tmp_path / "e.npz")
        for name in ("d.npz", "e.npz"):
            with pytest.raises(ValueError, match="not a checkpoint"):
                nithresh.permutation_test(values, checkpoint=tmp_path / name, **words)
        with pytest.raises(ValueError, match="checkpoint is .*cannot be written"):
            nithresh.permutation_test(
                values, checkpoint=tmp_path / "no" / "e.npz", **words
            )


@pytest.mark.parametrize("numbers", [1 << 20, 64])
def test_voxels_that_cannot_be_tested(numbers, monkeypatch):
    monkeypatch.setattr("nithresh.permutation.observations._NUMBERS", numbers)
    values, mask = group(8, seed=3)
    values[:, 0] = 2.0
    values[3, 1] = np.nan
    values[2, 5] = np.inf
    with pytest.warns(
        UserWarning, match=r"3 of the .* cannot be tested.*1 are constant.*2 have"
    ):
        result = nithresh.permutation_test(
            values, mask_img=image(mask), n_permutations=60, threshold=2
        )
    left = np.ones(len(values[0]), bool)
    left[[0, 1, 5]] = False
    smaller = mask.copy()
    smaller[mask] = left
    expected = nithresh.permutation_test(
        values[:, left], mask_img=image(smaller), n_permutations=60, threshold=2
    )
    assert np.array_equal(result.null.tfce, expected.null.tfce)
    assert (result.p_fwe_img("peak").get_fdata()[~smaller] == 1).all()


def test_what_a_model_fits_without_an_error_cannot_be_tested():
    values, mask = group(8, seed=3)
    group_column = np.repeat([0.0, 1], 4)
    values[:, 2] = group_column
    with pytest.warns(UserWarning, match="1 of the"):
        result = nithresh.permutation_test(
            values,
            np.column_stack([group_column, np.ones(8)]),
            [1, 0],
            mask_img=image(mask),
            threshold=2,
        )
    assert len(result.null) == 70
    assert np.isfinite(result.null.tfce).all()


@pytest.fixture(scope="module")
def result():
    values, mask = group(12, shape=(12, 12, 12), seed=11, effect=3)
    return nithresh.permutation_test(
        values, mask_img=image(mask), n_permutations=200, threshold=2.5
    )


class TestTable:
    def test_is_that_of_find_clusters(self, result):
        table = result.clusters.table
        alone = nithresh.find_clusters(result.stat_img, 2.5).table
        for name in alone:
            assert np.array_equal(
                table[name], alone[name], equal_nan=alone[name].dtype.kind == "f"
            )
        assert [name for name in table if name not in alone] == [
            "tfce",
            *(
                f"p_fwe_{name}"
                for name in ("extent", "mass", "excess_mass", "peak", "tfce")
            ),
        ]
        first = {name: table[name][0] for name in table}
        null = result.null
        reached = 1 + (null.extent[1:, 0] >= first["extent"]).sum()
        assert first["p_fwe_extent"] == reached / 200
        # The effect is strong in a few voxels.
        assert np.nanmin(table["p_fwe_peak"]) == 1 / 200
        described = table.sidecar["p_fwe_mass"]["Description"]
        assert described.startswith("Corrected p of the sum")
        assert table.choices["permutation_test"]["shuffle"] == "signs"

    def test_largest_of_the_map_is_number_0_of_the_null(self, result):
        table, null = result.clusters.table, result.null
        assert np.nanmax(table["extent"]) == null.extent[0, 0]
        assert np.nanmax(np.abs(table["mass"])) == pytest.approx(null.mass[0, 0])
        assert np.abs(table["peak"]).max() == null.peak[0]
        assert np.abs(result._scores).max() == pytest.approx(null.tfce[0])

    def test_maps_of_p(self, result):
        labels = np.asarray(result.clusters.labels_img.dataobj)
        table = result.clusters.table
        extent = result.p_fwe_img("extent").get_fdata()
        for label, row in result.clusters.lookup.items():
            assert np.allclose(extent[labels == label], table["p_fwe_extent"][row])
        assert (extent[labels == 0] == 1).all()
        tfce = result.p_fwe_img("tfce").get_fdata()
        peak = result.p_fwe_img("peak").get_fdata()
        for label, row in result.clusters.lookup.items():
            own = labels == label
            assert tfce[own].min() == pytest.approx(table["p_fwe_tfce"][row])
            assert peak[own].min() == pytest.approx(table["p_fwe_peak"][row])
        assert result.p_fwe_img("tfce").get_data_dtype() == np.float32
        with pytest.raises(
            ValueError, match=r"statistic is 'size'; it must be one of 'peak'"
        ):
            result.p_fwe_img("size")
        with pytest.raises(ValueError, match="number is 1; it must be from 0 to 0"):
            result.clusters_at(1)

    def test_critical_values(self, result):
        for alpha in (0.01, 0.05, 0.5):
            for name, value in result.critical(alpha).items():
                null = result.null
                above = np.nextafter(value, np.inf) * (1 + 2e-5)
                assert null.p(name, above) <= alpha
                assert null.p(name, value * (1 - 2e-5)) > alpha
        assert math.isinf(result.critical(0.001)["peak"])
        with pytest.raises(ValueError, match=r"alpha is 1.5; it must be above 0"):
            result.critical(1.5)

    def test_what_is_printed(self, result):
        text = str(result)
        assert text.startswith("t(11) of 12 images in ")
        assert (
            "200 permutations (random, the identity counted) of signs, seed 0" in text
        )
        assert "p_fwe_extent" in text

    def test_files(self, result, tmp_path):
        result.to_bids(tmp_path / "out")
        assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
            "clusters.json",
            "clusters.tsv",
            "desc-excess_stat-p_statmap.nii.gz",
            "desc-extent_stat-p_statmap.nii.gz",
            "desc-labels_dseg.nii.gz",
            "desc-mass_stat-p_statmap.nii.gz",
            "desc-peak_stat-p_statmap.nii.gz",
            "desc-tfce_stat-p_statmap.nii.gz",
            "null.tsv",
            "permutation_test.json",
            "stat-t_statmap.nii.gz",
        ]
        null = np.genfromtxt(tmp_path / "out" / "null.tsv", names=True)
        assert np.allclose(null["tfce"], result.null.tfce)
        assert null["permutation"].tolist() == list(range(200))
        saved = nibabel.load(tmp_path / "out" / "stat-t_statmap.nii.gz")
        assert np.array_equal(saved.get_fdata(), result.stat_img.get_fdata())
        assert saved.header.get_intent()[:2] == ("t test", (11.0,))


def test_several_thresholds_and_p():
    values, mask = group(12, seed=11, effect=1)
    result = nithresh.permutation_test(
        values, mask_img=image(mask), n_permutations=60, threshold_p=[0.05, 0.01]
    )
    expected = stats.t.isf([0.025, 0.005], 11)
    assert np.allclose(result.thresholds, expected)
    assert result.null.extent.shape == (60, 2)
    one = nithresh.permutation_test(
        values, mask_img=image(mask), n_permutations=60, threshold=result.thresholds[1]
    )
    assert np.array_equal(one.null.extent[:, 0], result.null.extent[:, 1])
    assert np.array_equal(
        result.clusters_at(1).table["p_fwe_mass"],
        one.clusters.table["p_fwe_mass"],
        equal_nan=True,
    )
    sided = nithresh.permutation_test(
        values,
        mask_img=image(mask),
        n_permutations=60,
        threshold_p=0.05,
        two_sided=False,
    )
    assert np.allclose(sided.thresholds, stats.t.isf(0.05, 11))


@pytest.mark.filterwarnings("ignore:60 permutations give no p:UserWarning")
@pytest.mark.parametrize("rules", RULES)
def test_a_test_by_the_rules_of_another_tool(rules, tmp_path):
    # Of signs alone, so that many t are equal, and one of them is the threshold.
    rng = np.random.default_rng(5)
    values = rng.choice([-1.0, 1.0], (8, 150), p=[0.3, 0.7])
    values[:2] = [[-1], [1]]  # no voxel is constant
    mask = np.ones((6, 5, 5), bool)
    words = {"mask_img": image(mask), "n_permutations": 60}
    t = nithresh.permutation_test(values, threshold=1, **words).stat_img.get_fdata()
    levels = np.unique(t[t > 0])
    threshold = float(levels[len(levels) // 2])
    result = nithresh.permutation_test(
        values, threshold=threshold, rules=rules, **words
    )
    is_strict = RULES[rules].comparison == ">"
    own = {"two_sided": RULES[rules].two_sided}
    own["connectivity"] = RULES[rules].connectivity
    least = float(np.nextafter(np.float32(threshold), np.float32(9)))
    expected = nithresh.permutation_test(
        values, threshold=least if is_strict else threshold, **own, **words
    )
    for name in ("peak", "extent", "mass", "excess_mass", "tfce"):
        ours, theirs = (getattr(one.null, name) for one in (result, expected))
        assert np.array_equal(ours, theirs)
    # The numbers are those of the tool, and the p those of the same clusters.
    clusters = nithresh.find_clusters(result.stat_img, threshold, rules=rules)
    labels = np.asarray(result.clusters.labels_img.dataobj)
    assert np.array_equal(labels, np.asarray(clusters.labels_img.dataobj))
    assert (labels[t == threshold] == 0).all() == is_strict
    for name in ("extent", "mass", "excess_mass", "peak", "tfce"):
        assert np.array_equal(
            result.p_fwe_img(name).get_fdata(), expected.p_fwe_img(name).get_fdata()
        )
    assert result.thresholds == (threshold,)
    choices = result.choices
    assert choices["thresholds"] == [threshold]
    assert choices["rules"] == rules
    assert choices["comparison"] == RULES[rules].comparison
    assert choices["order"] == RULES[rules].order
    assert result.clusters.table.choices["rules"] == rules


def test_a_checkpoint_of_other_rules_is_refused(tmp_path):
    values, mask = group(6, seed=1)
    words = {"mask_img": image(mask), "checkpoint": tmp_path / "c.npz", "threshold": 2}
    nithresh.permutation_test(values, **words)
    with pytest.raises(ValueError, match="belongs to another run"):
        nithresh.permutation_test(values, comparison=">", **words)


def test_a_paired_test_is_one_of_differences():
    values, mask = group(16, seed=5)
    words = {"mask_img": image(mask), "n_permutations": 50, "threshold": 2}
    paired = nithresh.permutation_test(values[:8], minus=values[8:], **words)
    alone = nithresh.permutation_test(values[:8] - values[8:], **words)
    assert np.array_equal(paired.null.tfce, alone.null.tfce)


@pytest.mark.parametrize(
    ("count", "design", "message"),
    [
        (4, None, "16 permutations give no p below 0.12"),
        (5, None, "32 permutations give no p below 0.062"),
        # Two groups that are exchanged have the same t.
        (6, np.eye(2)[[0, 0, 0, 1, 1, 1]], "20 permutations give no p below 0.1"),
    ],
)
def test_too_few_permutations_are_warned_of(count, design, message):
    values, mask = group(count)
    with pytest.warns(UserWarning, match=message):
        nithresh.permutation_test(
            values,
            design,
            None if design is None else [1, -1],
            mask_img=image(mask),
            threshold=2,
        )


def test_labels_cannot_test_a_mean():
    values, mask = group(12)
    age = np.arange(12.0) - 5.5
    design = {"mean": np.ones(12), "age": age}
    words = {"mask_img": image(mask), "threshold": 2, "n_permutations": 50}
    with pytest.raises(ValueError, match=r"contrast tests the mean.*shuffle='signs'"):
        nithresh.permutation_test(values, design, "mean", **words)
    with pytest.raises(ValueError, match="contrast tests the mean"):
        nithresh.permutation_test(values, design, np.eye(2), **words)
    result = nithresh.permutation_test(
        values + 3, design, "mean", shuffle="signs", **words
    )
    assert result.null.p("peak", result.null.peak[0]) == 1 / 50
    assert nithresh.permutation_test(values, design, "age", **words).shuffle == "labels"
    blocks = np.repeat([0, 1, 2], 4)
    columns = {"site": (blocks == 1) * 1.0, "mean": np.ones(12), "age": age}
    with pytest.raises(ValueError, match="the same for all images of each block"):
        nithresh.permutation_test(values, columns, "site", within=blocks, **words)
    with pytest.raises(ValueError, match="within has no effect where signs"):
        nithresh.permutation_test(values, within=blocks, **words)


@pytest.mark.parametrize(
    ("kind", "rows", "total"),
    [
        ("both", [1.0, 1, -1, -1, -1], 16),
        ("signs", [0.0, 0, 0, 1, 1, 1], 4),
        ("both", [0.0, 0, 0, 1, 1], 20),
    ],
)
def test_shuffles_that_the_model_cannot_tell_apart_count_once(kind, rows, total):
    rows = np.array(rows)
    shuffles = Shuffles(kind, rows[:, None], 1)
    assert shuffles.total == total
    seen = set()
    for number in range(total):
        order, signs = shuffles.shuffle(number)
        of_images = (rows * signs)[np.argsort(order)] + 0.0
        seen |= {tuple(of_images), tuple(0.0 - of_images)}
    assert len(seen) == 2 * total


@pytest.mark.parametrize("mean", [0.0, 30.0, 300.0])
def test_a_close_fit_is_exact(mean):
    rng = np.random.default_rng(0)
    values = mean + rng.standard_normal((10, 50))
    mask = image(np.ones((5, 5, 2), bool))
    found = nithresh.permutation_test(values, mask_img=mask, n_permutations=30)
    expected = stats.ttest_1samp(values, 0).statistic
    assert np.allclose(found.stat_img.get_fdata().ravel(), expected, rtol=1e-4)


def test_exchanged_groups_have_the_same_f():
    labels = np.repeat([0, 1, 2], 2)
    values = np.random.default_rng(0).standard_normal((6, 64)) + 10 * labels[:, None]
    design = (labels[:, None] == np.arange(3)).astype(float)
    mask = image(np.ones((4, 4, 4), bool))
    with pytest.warns(UserWarning, match="90 permutations give no p below 0.067"):
        result = nithresh.permutation_test(
            values, design, [[1, -1, 0], [0, 1, -1]], mask_img=mask, threshold=5
        )
    assert result.clusters.table["p_fwe_peak"][0] == 6 / 90
    assert str(result).startswith("F(2, 3) of 6 images in 64 voxels; 90 permutations")


@pytest.mark.parametrize("scale", [1e-18, 1.0, 1e15])
def test_units_of_a_column_do_not_matter(scale):
    rng = np.random.default_rng(1)
    group_column, time = np.repeat([0.0, 1], 10), rng.random(20) + 16
    values = rng.standard_normal((20, 64)) + 2 * group_column[:, None]
    mask = image(np.ones((4, 4, 4), bool))
    t = [
        nithresh.permutation_test(
            values,
            {"group": group_column, "time": time * by, "mean": np.ones(20)},
            "group",
            mask_img=mask,
            n_permutations=20,
        ).stat_img.get_fdata()
        for by in (scale, 1.0)
    ]
    assert np.allclose(*t, rtol=1e-5, atol=1e-5)
    # A column that is nearly constant is not the constant.
    slow = 1.6e9 + 3e4 * time
    columns = np.column_stack([group_column, slow])
    values = 1e-5 * slow[:, None] + 0.01 * rng.standard_normal((20, 64))
    found = nithresh.permutation_test(
        values, columns, [1, 0], mask_img=mask, n_permutations=20
    )
    expected = t_values(values, columns, np.array([1.0, 0]))
    assert np.allclose(found.stat_img.get_fdata().ravel(), expected, atol=1e-3)


def test_a_map_in_memory_that_differs_from_its_file(tmp_path):
    values, mask = group(10)
    np.save(tmp_path / "maps.npy", values)
    changed = np.load(tmp_path / "maps.npy", mmap_mode="c")
    changed += 1
    words = {"mask_img": image(mask), "n_permutations": 20, "threshold": 2}
    found = nithresh.permutation_test(changed, **words)
    expected = nithresh.permutation_test(values + 1, **words)
    assert np.array_equal(found.null.tfce, expected.null.tfce)


def test_the_units_of_double_values_do_not_matter():
    values, mask = group(12)
    values = values.astype(float)
    words = {"mask_img": image(mask), "n_permutations": 30, "threshold": 2}
    design = np.column_stack([np.repeat([0.0, 1], 6), np.ones(12)])
    found, expected = (
        nithresh.permutation_test(given, design, [1, 0], **words)
        for given in (values + 1e7, values)
    )
    assert np.allclose(found.null.peak, expected.null.peak, rtol=1e-4)


@pytest.mark.parametrize("scale", [2.0**1020, 2.0**-1060], ids=["large", "small"])
@pytest.mark.parametrize("is_mapped", [False, True])
def test_the_units_of_values_do_not_matter(tmp_path, scale, is_mapped):
    values, mask = group(12)
    values = values.astype(float).round(2)
    design = np.column_stack([np.repeat([0.0, 1], 6), np.arange(12.0), np.ones(12)])
    given = values * scale
    # Each voxel has units of its own; what is left of the small ones has fewer digits.
    given[:, ::2] = values[:, ::2]
    if is_mapped:
        np.save(tmp_path / "maps.npy", given)
        given = tmp_path / "maps.npy"
    words = {"mask_img": image(mask), "n_permutations": 30, "threshold": 2}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, expected = (
            nithresh.permutation_test(given, design, [1, 0, 0], **words)
            for given in (given, values)
        )
    if scale > 1:
        assert np.array_equal(found.null.tfce, expected.null.tfce)
    assert np.allclose(found.null.peak, expected.null.peak, rtol=1e-3)


@pytest.mark.parametrize("scale", [2.0**1023, 2.0**-1060], ids=["large", "small"])
@pytest.mark.parametrize("contrast", ["slope", [1, 0, 0], [[1, 0, 0], [0, 1, 0]]])
def test_the_units_of_a_design_do_not_matter(scale, contrast):
    values, mask = group(12)
    slope = np.linspace(-1, 1, 12).round(2)
    words = {"mask_img": image(mask), "n_permutations": 30, "threshold": 2}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, expected = (
            nithresh.permutation_test(
                values,
                {
                    "slope": slope * by,
                    "group": np.tile([0.0, by], 6),
                    "mean": np.ones(12),
                },
                contrast,
                **words,
            ).null.peak
            for by in (scale, 1)
        )
    assert np.allclose(found, expected, rtol=1e-3)


def test_differences_that_overflow():
    values, mask = group(6)
    values = values.astype(float)
    other = values.copy()
    values[3, 5], other[3, 5] = 1e308, -1e308
    with pytest.raises(ValueError, match=r"imgs\[3\] minus minus\[3\] .* for float64"):
        nithresh.permutation_test(values, minus=other, mask_img=image(mask))


VALUES, MASK = group(6)
OTHER = image(np.ones((6, 5, 7), np.uint8), np.diag([2, 2, 2, 1]))
WRONG = [
    (ValueError, r"imgs holds 1 image;", {"imgs": VALUES[:1]}),
    (ValueError, r"imgs has shape \(6, 3\)", {"imgs": VALUES[:, :3]}),
    (TypeError, r"imgs has values of type complex", {"imgs": VALUES.astype(complex)}),
    (TypeError, r"imgs is of type int", {"imgs": 3}),
    (ValueError, r"imgs\[0\] is on another grid than mask_img", {"imgs": [OTHER] * 6}),
    (ValueError, r"minus has 5 images and imgs has 6", {"minus": VALUES[:5]}),
    (ValueError, r"design has 5 rows for 6 images", {"design": np.ones(5)}),
    (
        ValueError,
        r"rank 1: column '1' is a sum",
        {"design": np.ones((6, 2)), "contrast": [1, 0]},
    ),
    (
        ValueError,
        r"column '1' is zero",
        {"design": np.eye(6)[:, :2] * [1, 0], "contrast": [1, 0]},
    ),
    (
        ValueError,
        r"more images than columns",
        {"design": np.eye(6), "contrast": [1] + [0] * 5},
    ),
    (ValueError, r"design has nan in row 0", {"design": [np.nan, 1, 1, 1, 1, 1]}),
    (TypeError, r"design has values of type <U1", {"design": list("aabbcc")}),
    (ValueError, r"contrast is None and design has 2", {"design": np.eye(6)[:, :2]}),
    (
        ValueError,
        r"contrast is 'age'; it must be one of",
        {"contrast": "age", "design": {"sex": range(6)}},
    ),
    (ValueError, r"contrast has shape \(3,\)", {"contrast": [1, 0, 0]}),
    (ValueError, r"contrast has a row of zeros", {"contrast": [0]}),
    (ValueError, r"threshold is -1; .*threshold_p", {"threshold": -1}),
    (ValueError, r"threshold is '95%'; .*threshold_p", {"threshold": "95%"}),
    (ValueError, r"threshold is \[\]; it must have one", {"threshold": []}),
    (ValueError, r"threshold_p is nan", {"threshold_p": math.nan}),
    (
        ValueError,
        r"threshold_p is 0.6.*at most 0.5",
        {"threshold_p": 0.6, "two_sided": False},
    ),
    (ValueError, r"column 'b' of design has shape \(2,\)", {"design": {"b": [1, 2]}}),
    (ValueError, r"design is empty", {"design": {}}),
    (ValueError, r"design has rows of different", {"design": [[1], [1, 2]]}),
    (TypeError, r"whole is .*numbers alone", {"whole": [None, 1, 1, 1, "a", 2]}),
    (ValueError, r"threshold_p is 1.5; .*use threshold\)", {"threshold_p": 1.5}),
    (ValueError, r"threshold_p is 0; ", {"threshold_p": 0}),
    (
        ValueError,
        r"threshold and threshold_p are both given",
        {"threshold": 2, "threshold_p": 0.1},
    ),
    (ValueError, r"n_permutations is 0", {"n_permutations": 0}),
    (TypeError, r"seed is 1.5", {"seed": 1.5}),
    (ValueError, r"shuffle is 'flip'; it must be", {"shuffle": "flip"}),
    (ValueError, r"there is one permutation, the identity", {"shuffle": "labels"}),
    (ValueError, r"within has shape \(2,\)", {"within": [0, 1], "shuffle": "both"}),
    (ValueError, r"within and whole are both", {"within": [0] * 6, "whole": [0] * 6}),
    (
        ValueError,
        r"whole has blocks of 1 to 5 images",
        {"whole": [0, 1, 1, 1, 1, 1], "design": range(6), "shuffle": "labels"},
    ),
    (ValueError, r"connectivity is 8", {"connectivity": 8}),
    (
        ValueError,
        r"mask_img.*empty",
        {"mask_img": image(np.zeros((6, 5, 7), np.uint8))},
    ),
    (ValueError, r"checkpoint is .*must end in .npz", {"checkpoint": "a.txt"}),
    (ValueError, r"no voxel of the mask can be tested", {"imgs": np.ones_like(VALUES)}),
    (TypeError, r"dask is of type int", {"dask": 3}),
]


@pytest.mark.parametrize(
    ("error", "match", "words"), WRONG, ids=[one[1] for one in WRONG]
)
def test_wrong_words(error, match, words):
    words = {"mask_img": image(MASK), "threshold": 2, "imgs": VALUES, **words}
    if "threshold_p" in words and words["threshold"] == 2 and "both" not in match:
        del words["threshold"]
    with pytest.raises(error, match=match):
        nithresh.permutation_test(**words)


@pytest.mark.parametrize(
    ("error", "match", "words"),
    [
        (TypeError, "maps is of type list", {"maps": [[1]]}),
        (
            TypeError,
            "maps has values of type complex",
            {"maps": np.ones((1, 3), complex)},
        ),
        (
            ValueError,
            r"maps has shape \(1, 2\); .*\(maps, 3\)",
            {"maps": np.ones((1, 2))},
        ),
        (TypeError, "mask has", {"mask": [1, 2]}),
        (ValueError, "mask", {"mask": np.zeros((3, 1, 1))}),
        (ValueError, "thresholds is -1; it must be", {"thresholds": -1}),
        (ValueError, "thresholds is nan", {"thresholds": [math.nan]}),
        (ValueError, "connectivity is 7", {"connectivity": 7}),
        (ValueError, "maps has values .* too large", {"maps": np.full((1, 3), 1e39)}),
    ],
)
def test_wrong_words_of_maxima(error, match, words):
    words = {"maps": np.ones((1, 3)), "mask": np.ones((3, 1, 1)), **words}
    with pytest.raises(error, match=match):
        nithresh.cluster_maxima(**words)


@pytest.fixture(scope="module")
def cluster():
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as cluster:
        yield cluster


class TestDask:
    @pytest.mark.parametrize("is_mapped", [True, False])
    def test_the_same_null(self, cluster, tmp_path, is_mapped):
        values, mask = group(14, seed=1)
        words = {"mask_img": image(mask), "n_permutations": 60, "threshold": 2}
        expected = nithresh.permutation_test(values, **words)
        np.save(tmp_path / "maps.npy", values)
        given = tmp_path / "maps.npy" if is_mapped else values
        found = nithresh.permutation_test(
            given, dask=cluster.scheduler_address, **words
        )
        for name in ("peak", "extent", "mass", "excess_mass", "tfce"):
            assert np.array_equal(
                getattr(found.null, name), getattr(expected.null, name)
            )

    def test_a_worker_that_is_killed_costs_its_range(self, cluster, monkeypatch):
        from distributed import Client

        values, mask = group(14, seed=1)
        words = {"mask_img": image(mask), "n_permutations": 400, "threshold": 2}
        expected = nithresh.permutation_test(values, **words)
        monkeypatch.setattr("nithresh.permutation.loop._BLOCK_BYTES", 4096)
        killed = []
        with Client(cluster.scheduler_address, set_as_default=False) as client:

            def kill(done, total):
                if done > 40 and not killed:
                    killed.extend(client.run(os.getpid).values())
                    os.kill(killed[0], signal.SIGKILL)

            found = nithresh.permutation_test(
                values, dask=client, on_progress=kill, **words
            )
        assert killed
        assert np.array_equal(found.null.tfce, expected.null.tfce)
