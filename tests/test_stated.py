"""What a map says of its own values: by intent, by description, by name."""

import json
import re
import shutil
import warnings
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import nithresh
from nithresh import testing
from nithresh._stated import stated
from oracles import call
from running import run_here

DATA = np.array([1, 7, 9, -9], np.float32).reshape(4, 1, 1)
Z = stats.norm.isf(0.0005)


def image_of(description="", intent=None, image_class=nibabel.Nifti1Image):
    image = image_class(DATA, np.eye(4))
    if intent is not None:
        image.header.set_intent(*intent)
    image.header["descrip"] = description.encode()
    return image


def threshold_of(image):
    """The threshold, and what was warned about the statistic."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _, threshold = nithresh.threshold_stats_img(image)
    said = [str(warning.message) for warning in caught]
    return threshold, [text for text in said if "no voxel is kept" not in text]


def threshold_for(stat):
    return nithresh.threshold_stats_img(stat=stat)[1]


@pytest.mark.parametrize(
    ("description", "stat"),
    [
        ("SPM{T_[15.0]} - contrast 1: faces > houses", ("t", 15)),
        ("SPM{T_[15.0]} - contrast 1: SPM{F_[2.0,15.0]}", ("t", 15)),
        ("SPM{F_[2.0,15.0]} - contrast 2: effects of interest", ("F", 2, 15)),
        ("SPM{Z_[1]} - z", "z"),
        ("SPM{Z}", "z"),
        ("SPM{X_[3.0]}", ("chi2", 3)),
        # SPM99 prints two digits.
        ("SPM{T_[1.2e+02]} - contrast 1: a", ("t", 120)),
        ("SPM{F_[1,1.2e+02]} - contrast 1: a", ("F", 1, 120)),
        ("SPM{T_[15]}", ("t", 15)),
        ("SPM{T_{15}}", ("t", 15)),
        ("spm{t_[15.0]}", ("t", 15)),
        ("  SPM { T_[ 15.0 ] } - a", ("t", 15)),
        ("SPM{F_[ 2.0 , 15.0 ]}", ("F", 2, 15)),
        ("DPABI{T_[15.0]}{dLh_1.2}{FWHMx_9FWHMy_9FWHMz_9mm}", ("t", 15)),
        ("REST{F_[2.0,15.0]}", ("F", 2, 15)),
        ("", "z"),
        ("FSL5.0", "z"),
        ("SPM{Talairach}", "z"),
        ("SPM contrast - 1: SPM{T_[15.0]}", "z"),
        ("spm - algebra", "z"),
    ],
)
@pytest.mark.parametrize(
    "image_class",
    [nibabel.Nifti1Image, nibabel.Nifti2Image, nibabel.Spm2AnalyzeImage],
)
def test_the_description_says_it(description, stat, image_class):
    image = image_of(description, image_class=image_class)
    assert threshold_of(image) == (threshold_for(stat), [])
    # What the caller says goes before it.
    _, threshold = nithresh.threshold_stats_img(image, stat=("t", 8))
    assert threshold == threshold_for(("t", 8))


@given(
    st.sampled_from(["T", "F", "X"]),
    st.lists(st.floats(0.1, 999).map(lambda df: round(df, 1)), min_size=2, max_size=2),
    st.text(" ", max_size=2),
    st.booleans(),
)
def test_any_degrees_of_freedom(letter, numbers, space, small):
    numbers = numbers[: 2 if letter == "F" else 1]
    inside = f"{space},{space}".join(f"{df:.1f}" for df in numbers)
    letter = letter.lower() if small else letter
    text = f"SPM{space}{{{letter}_[{space}{inside}{space}]}} - contrast 1: a"
    said = stated(image_of(text))
    assert said.taken.statistic.degrees_of_freedom == tuple(numbers)
    assert (
        said.taken.statistic.name == {"T": "t", "F": "F", "X": "chi2"}[letter.upper()]
    )
    assert said.against == ()


@given(st.text(max_size=30), st.sampled_from(["", "SPM{", "SPM{T", "SPM{T_[", "SPM{P"]))
def test_no_description_is_an_error(text, start):
    image = image_of()
    image.header["descrip"] = (start + text).encode()[:80]
    taken = stated(image).taken
    assert taken is None or taken.place == "description"


@pytest.mark.parametrize(
    ("name", "stat"),
    [
        ("sub-01_task-a_stat-z_statmap.nii.gz", "z"),
        ("sub-01_stat-Z_statmap.nii", "z"),
        ("zmap.nii", "z"),
        ("zstat1.nii.gz", "z"),
        ("zfstat1.nii.gz", "z"),
        ("mytstat1.nii", "z"),
        ("tstats.nii", "z"),
        ("sub-01_desc-stat_statmap.nii", "z"),
        ("sub-stat-t1_statmap.nii", "z"),
        ("con_0001.nii", "z"),
        ("myspmT_0001.nii", "z"),
    ],
)
def test_the_name_says_z_or_nothing(tmp_path, name, stat):
    nibabel.save(image_of(), tmp_path / name)
    assert threshold_of(tmp_path / name) == (threshold_for(stat), [])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sub-01_task-a_stat-t_statmap.nii.gz", "stat-t"),
        ("stat-T_statmap.nii", "stat-T"),
        ("sub-01_stat-F_statmap.nii", "stat-F"),
        ("sub-01_stat-chi2_statmap.nii", "stat-chi2"),
        ("stat-t.nii", "stat-t"),
        ("spmT_0001.nii", "spmT"),
        ("spmF_0002.img", "spmF"),
        ("wspmT_0001.nii", "spmT"),
        ("tstat1.nii.gz", "tstat"),
        ("sub-01_fstat12.nii", "fstat"),
        ("thresh_tstat1.nii", "tstat"),
        ("a_stat-tstat_statmap.nii", "stat-tstat"),
    ],
)
def test_the_name_says_no_degrees_of_freedom(tmp_path, name, words):
    nibabel.save(image_of(), tmp_path / name)
    threshold, (warning,) = threshold_of(tmp_path / name)
    assert threshold == Z
    assert warning.startswith(
        f"The file name of stat_img says {words!r}, but not with which degrees of "
        "freedom; its values are taken as z. Say which with stat: "
    )
    # A header that says them is enough.
    kind = words.removeprefix("stat-").removeprefix("spm").removesuffix("stat").lower()
    text = {"t": "T_[9.0]", "f": "F_[1.0,9.0]", "chi2": "X_[9.0]"}[kind]
    nibabel.save(image_of(f"SPM{{{text}}}"), tmp_path / name)
    threshold, said = threshold_of(tmp_path / name)
    assert threshold > Z
    assert said == []


@pytest.mark.parametrize(
    ("sub_bricks", "stat", "warned"),
    [
        ("0 3 1 15", ("t", 15), ""),
        ("0 4 2 2 30", ("F", 2, 30), ""),
        ("0 5 0", "z", ""),
        ("0 6 1 3", ("chi2", 3), ""),
        # Those of the bucket that a volume was taken from.
        ("0 3 1 15 1 3 1 15", ("t", 15), ""),
        ("0 3 1 15 1 4 2 2 30", "z", "not the same for all sub-bricks"),
        ("0 2 3 20 1 1", "z", "fico"),
        ("0 3 0", "z", "'fitt', but not with which degrees of freedom"),
        ("0 3", "z", "not the same for all"),
    ],
)
def test_what_afni_says_of_its_sub_bricks(tmp_path, sub_bricks, stat, warned):
    data = Path(nibabel.__file__).parent / "tests" / "data"
    shutil.copy(data / "scaled+tlrc.BRIK", tmp_path / "a+tlrc.BRIK")
    head = (data / "scaled+tlrc.HEAD").read_text().lstrip()
    head = head.replace("3.883363e-08", "0.001")
    count = len(sub_bricks.split())
    (tmp_path / "a+tlrc.HEAD").write_text(
        "\ntype = float-attribute\nname = BRICK_STATAUX\n"
        f"count = {count}\n {sub_bricks}\n\n{head}"
    )
    threshold, said = threshold_of(tmp_path / "a+tlrc.HEAD")
    assert threshold == threshold_for(stat)
    assert len(said) == bool(warned)
    assert all(warned in text for text in said)


@pytest.mark.parametrize("text", ["SPM{T}-filtered: u = 3.1, k = 5", "SPM{F_[15.0]}"])
def test_a_description_without_degrees_of_freedom(text):
    threshold, (warning,) = threshold_of(image_of(text))
    assert threshold == Z
    assert f"its description is {text!r}, but not with which degrees of" in warning


@pytest.mark.parametrize(
    ("image", "name"),
    [
        (image_of(intent=("p value",)), "a.nii"),
        (image_of(intent=("log10 p value",)), "a.nii"),
        (image_of("SPM{P_[0.10]} - contrast 1: a"), "a.nii"),
        (image_of(), "sub-01_stat-p_statmap.nii"),
        (image_of(), "sub-01_stat-logp_statmap.nii"),
        (image_of(), "spmP_0001.nii"),
        (image_of(), "glm_tfce_corrp_tstat1.nii.gz"),
        (image_of(), "vox_p_fstat2.nii"),
    ],
)
@pytest.mark.parametrize("height_control", ["fpr", "fdr", "bonferroni"])
def test_probabilities_are_refused(tmp_path, image, name, height_control):
    nibabel.save(image, tmp_path / name)
    words = {"height_control": height_control}
    with pytest.raises(ValueError, match="the values are probabilities, which error"):
        nithresh.threshold_stats_img(tmp_path / name, **words)
    nithresh.threshold_stats_img(tmp_path / name, stat="z", **words)
    words = {"height_control": None, "threshold": 2.5}
    nithresh.threshold_stats_img(tmp_path / name, **words)


@pytest.mark.parametrize(
    ("intent", "description", "name", "stat", "other"),
    [
        (("z score",), "SPM{T_[15.0]}", "a.nii", "z", "its description is 'SPM{T_"),
        (("t test", (9,)), "SPM{T_[15.0]}", "a.nii", ("t", 9), "its description is"),
        (("t test", (9,)), "", "a_stat-z.nii", ("t", 9), "file name of stat_img says"),
        (
            None,
            "SPM{T_[15.0]}",
            "a_stat-z.nii",
            ("t", 15),
            "file name of stat_img says",
        ),
        (None, "SPM{F_[1.0,9.0]}", "spmT_0001.nii", ("F", 1, 9), "says 'spmT'"),
        (
            ("estimate",),
            "SPM{T_[15.0]}",
            "a.nii",
            ("t", 15),
            "its intent is 'estimate'",
        ),
        (None, "SPM{T_[15.0]}", "a_stat-effect.nii", ("t", 15), "says 'stat-effect'"),
    ],
)
def test_a_contradiction_is_a_warning(tmp_path, intent, description, name, stat, other):
    nibabel.save(image_of(description, intent), tmp_path / name)
    threshold, (warning,) = threshold_of(tmp_path / name)
    assert threshold == threshold_for(stat)
    assert other in warning
    words = (
        stat if isinstance(stat, str) else f"{stat[0]}({', '.join(map(str, stat[1:]))})"
    )
    assert f"; its values are taken as {words}. Say what they are with stat." in warning


@pytest.mark.parametrize(
    ("intent", "description", "name", "stat"),
    [
        # SPM rounds.
        (("t test", (15.04,)), "SPM{T_[15.0]}", "stat-t.nii", ("t", np.float32(15.04))),
        (("t test", (15.04,)), "SPM{T}", "stat-t.nii", ("t", np.float32(15.04))),
        (("t test", (0,)), "SPM{T_[15.0]}", "a.nii", ("t", 15)),
        (("z score",), "SPM{Z}", "stat-z.nii", "z"),
    ],
)
def test_places_that_agree(tmp_path, intent, description, name, stat):
    nibabel.save(image_of(description, intent), tmp_path / name)
    assert threshold_of(tmp_path / name) == (threshold_for(stat), [])


def test_something_else_in_the_name(tmp_path):
    nibabel.save(image_of(), tmp_path / "a_stat-effect_statmap.nii")
    threshold, (warning,) = threshold_of(tmp_path / "a_stat-effect_statmap.nii")
    assert threshold == Z
    assert "says 'stat-effect'; its values are taken as z" in warning


@pytest.mark.parametrize(
    ("description", "stat", "intent"),
    [
        ("SPM{T_[15.0]} - a", None, ("t test", (15.0,))),
        ("SPM{F_[2.0,15.0]} - a", None, ("f test", (2.0, 15.0))),
        ("SPM{X_[3.0]} - a", None, ("chi2", (3.0,))),
        ("SPM{T_[15.0]} - a", ("t", 9), ("t test", (9.0,))),
        ("", ("t", 9), ("t test", (9.0,))),
        ("SPM{Z} - a", None, ("none", ())),
        ("", None, ("none", ())),
    ],
)
def test_the_result_says_what_was_taken(description, stat, intent):
    image = image_of(description)
    before = image.header.copy()
    (result, threshold), _ = call(nithresh.threshold_stats_img, image, stat=stat)
    assert result.header.get_intent()[:2] == intent
    assert result.header["descrip"].item().decode() == description
    assert image.header == before
    # So the result gives the same threshold again.
    (_, again), _ = call(nithresh.threshold_stats_img, result)
    assert again == threshold


def test_choices_and_sidecars_say_it(tmp_path):
    image = image_of("SPM{T_[15.0]} - a")
    clusters = nithresh.find_clusters(image, 3)
    said = {"name": "t", "degrees_of_freedom": [15.0], "stated_by": "description"}
    assert clusters.table.choices["statistic"] == said
    clusters.table.to_tsv(tmp_path / "a.tsv")
    sidecar = json.loads((tmp_path / "a.json").read_text())
    assert sidecar["Choices"]["statistic"] == said
    assert nithresh.find_clusters(image_of(), 3).table.choices["statistic"] is None


def test_scores_and_labels_are_no_statistic():
    image = image_of("SPM{T_[15.0]} - a", ("t test", (15,)))
    for made in (
        nithresh.tfce_img(image),
        nithresh.find_clusters(image, 3).labels_img,
    ):
        assert stated(made).as_choice() is None
        assert made.header["descrip"].item() == b""
    other = image_of("smoothed")
    assert nithresh.tfce_img(other).header["descrip"].item() == b"smoothed"


def gifti_of(*intents, **words):
    """Make a GIFTI image with an array of each intent."""
    image = nibabel.GiftiImage()
    for intent in intents:
        array = nibabel.gifti.GiftiDataArray(DATA.ravel(), intent=intent)
        array.meta.update(words)
        image.add_gifti_data_array(array)
    return image


@pytest.mark.parametrize(
    ("intents", "words", "stat", "warned"),
    [
        (["NIFTI_INTENT_ZSCORE"], {}, "z", ""),
        (["NIFTI_INTENT_TTEST"], {"Intent_p1": "15"}, ("t", 15), ""),
        (
            ["NIFTI_INTENT_FTEST"],
            {"Intent_p1": "2", "Intent_p2": "30"},
            ("F", 2, 30),
            "",
        ),
        (["NIFTI_INTENT_CHISQ"], {"Intent_p1": "3.0"}, ("chi2", 3), ""),
        (["NIFTI_INTENT_TTEST"] * 2, {"Intent_p1": "15"}, ("t", 15), ""),
        # Parameters that it does not have.
        (["NIFTI_INTENT_ZSCORE"], {"Intent_p1": "15"}, "z", ""),
        (["NIFTI_INTENT_TTEST"], {}, "z", "'t test', but not with which degrees of"),
        (["NIFTI_INTENT_TTEST"], {"Intent_p1": "many"}, "z", "but not with which"),
        (["NIFTI_INTENT_FTEST"], {"Intent_p1": "2"}, "z", "but not with which"),
        (["NIFTI_INTENT_CORREL"], {}, "z", "its intent is 'correlation'"),
        (["NIFTI_INTENT_LABEL"], {}, "z", "its intent is 'label'"),
        (
            ["NIFTI_INTENT_TTEST", "NIFTI_INTENT_ZSCORE"],
            {},
            "z",
            "'not the same for all arrays'",
        ),
        # What Workbench and FreeSurfer write of any values.
        (["NIFTI_INTENT_NONE"], {}, "z", ""),
        (["NIFTI_INTENT_NORMAL"], {}, "z", ""),
        (["NIFTI_INTENT_SHAPE"], {}, "z", ""),
        (["NIFTI_INTENT_TIME_SERIES"] * 2, {}, "z", ""),
    ],
)
def test_what_the_arrays_of_gifti_say(tmp_path, intents, words, stat, warned):
    nibabel.save(gifti_of(*intents, **words), tmp_path / "a.func.gii")
    for image in (gifti_of(*intents, **words), tmp_path / "a.func.gii"):
        threshold, said = threshold_of(image)
        assert threshold == threshold_for(stat)
        assert len(said) == bool(warned)
        assert all(warned in text for text in said)


@pytest.mark.parametrize("intent", ["PVAL", "LOGPVAL", "LOG10PVAL"])
def test_probabilities_of_gifti_are_refused(tmp_path, intent):
    path = tmp_path / "a.func.gii"
    nibabel.save(gifti_of(f"NIFTI_INTENT_{intent}"), path)
    with pytest.raises(ValueError, match="p value': the values are probabilities"):
        nithresh.threshold_stats_img(path)
    nithresh.threshold_stats_img(path, stat="z")
    info = run_here("info", path)
    assert re.search("statistic +p, by the intent '(log10 |log )?p value'", info.out)


def test_the_intent_and_the_name_of_gifti(tmp_path):
    path = tmp_path / "sub-1_stat-z_statmap.func.gii"
    nibabel.save(gifti_of("NIFTI_INTENT_TTEST", Intent_p1="9"), path)
    threshold, (warning,) = threshold_of(path)
    assert threshold == threshold_for(("t", 9))
    assert "but the file name of stat_img says 'stat-z'" in warning
    words = {"surface": testing.strip(4)}
    said = nithresh.find_clusters(path, 3, **words).table.choices["statistic"]
    assert said == {"name": "t", "degrees_of_freedom": [9.0], "stated_by": "intent"}
    # Scores are no statistic; what is thresholded stays one.
    scores = nithresh.tfce_img(path, **words).darrays[0]
    assert (scores.intent, dict(scores.meta)) == (0, {})
    kept = nithresh.threshold_img(path, 3).darrays[0]
    assert (kept.intent, dict(kept.meta)) == (3, {"Intent_p1": "9"})


@pytest.mark.parametrize(
    ("name", "warned"),
    [("a.dscalar.nii", ""), ("stat-z_a.dscalar.nii", ""), ("stat-t.dscalar.nii", "t'")],
)
def test_the_intent_of_cifti_is_no_statistic(tmp_path, name, warned):
    axes = nibabel.cifti2
    models = axes.BrainModelAxis.from_surface(np.arange(4), 4, "CortexLeft")
    image = nibabel.Cifti2Image(DATA.reshape(1, 4), (axes.ScalarAxis(["map"]), models))
    image.nifti_header.set_intent("ConnDenseScalar", name="ConnDenseScalar")
    nibabel.save(image, tmp_path / name)
    threshold, said = threshold_of(tmp_path / name)
    assert threshold == Z
    assert len(said) == bool(warned)
    assert all(warned in text for text in said)
