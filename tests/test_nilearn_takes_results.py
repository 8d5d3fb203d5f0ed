"""Results are images that nilearn and scikit-learn take, and give what they should."""

import joblib
import nibabel
import numpy as np
import pytest
from matplotlib import pyplot as plt
from nilearn import image as nimage
from nilearn import masking, plotting
from nilearn.maskers import NiftiLabelsMasker, NiftiMasker
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import nithresh

# nilearn's own, about its next versions.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

SAMPLE = nithresh.datasets.load_sample_motor_activation_image()
LEVEL = 3


@pytest.fixture(scope="module")
def clusters():
    return nithresh.find_clusters(SAMPLE, LEVEL, cluster_threshold=50)


def voxels(image):
    return np.asarray(image.dataobj)


def test_labels_masker_gives_the_means_of_the_table(clusters):
    table = clusters.table
    is_cluster = [name.isdigit() for name in table["id"].tolist()]
    masker = NiftiLabelsMasker(clusters.labels_img)
    for image in (nithresh.load(SAMPLE), clusters.thresholded_img):
        means = masker.fit_transform(image).ravel()
        np.testing.assert_allclose(means, table["mean"][is_cluster], rtol=1e-5)
    assert masker.n_elements_ == len(clusters)
    back = voxels(masker.inverse_transform(means))
    np.testing.assert_array_equal(back != 0, voxels(clusters.labels_img) != 0)


def test_masker_takes_results_for_maps_and_for_masks(clusters):
    kept = nithresh.threshold_img(SAMPLE, LEVEL, cluster_threshold=50)
    mask = nimage.math_img("img != 0", img=kept)
    np.testing.assert_array_equal(voxels(mask) != 0, voxels(clusters.labels_img) != 0)
    masker = NiftiMasker(mask).fit()
    values = masker.transform(kept)
    np.testing.assert_array_equal(values.ravel(), voxels(kept)[voxels(mask) != 0])
    np.testing.assert_array_equal(
        voxels(masker.inverse_transform(values.ravel())), voxels(kept)
    )
    scores = masking.apply_mask(nithresh.tfce_img(SAMPLE), mask)
    assert scores.shape == (int(voxels(mask).sum()),)
    assert (scores != 0).all()


def test_images_functions_take_results(clusters):
    kept = nithresh.threshold_img(SAMPLE, LEVEL, cluster_threshold=50)
    positive = nimage.math_img("img * (labels > 0)", img=kept,
                               labels=clusters.positive_labels_img)  # fmt: skip
    np.testing.assert_array_equal(voxels(positive), voxels(kept).clip(0))
    template = nithresh.datasets.load_mni152_template()
    labels = nimage.resample_to_img(
        clusters.labels_img, template, interpolation="nearest"
    )
    assert labels.shape == template.shape
    assert set(np.unique(voxels(labels))) == set(range(len(clusters) + 1))
    both = nimage.concat_imgs([kept, nithresh.tfce_img(SAMPLE)])
    again = nithresh.threshold_img(both, LEVEL, 50)
    np.testing.assert_array_equal(voxels(nimage.index_img(again, 0)), voxels(kept))
    mean = voxels(nimage.mean_img(again))
    np.testing.assert_allclose(mean, voxels(again).mean(axis=-1), rtol=1e-6)
    # And its own thresholding keeps what is kept.
    theirs = nimage.threshold_img(kept, LEVEL, cluster_threshold=50)
    np.testing.assert_array_equal(voxels(theirs), voxels(kept))


def test_plots_take_results(clusters):
    one_cut = {"display_mode": "z", "cut_coords": [52], "bg_img": None}
    for display in [
        plotting.plot_stat_map(clusters.thresholded_img, **one_cut),
        plotting.plot_roi(clusters.labels_img, **one_cut),
        plotting.plot_glass_brain(nithresh.tfce_img(SAMPLE), display_mode="z"),
    ]:
        drawn = [image for axes in display.axes.values()
                 for image in axes.ax.get_images()]  # fmt: skip
        assert any(np.ma.count(image.get_array()) for image in drawn)
        display.close()
    assert not plt.get_fignums()


def test_in_a_pipeline_of_scikit_learn():
    thresholded = FunctionTransformer(
        nithresh.threshold_img, kw_args={"threshold": LEVEL, "cluster_threshold": 50}
    )
    mask = nimage.math_img("img != 0", img=SAMPLE)
    values = make_pipeline(thresholded, NiftiMasker(mask)).fit_transform(SAMPLE)
    kept = nithresh.threshold_img(SAMPLE, LEVEL, 50)
    assert (values != 0).sum() == (voxels(kept) != 0).sum()


def test_joblib_remembers_results(tmp_path):
    memory = joblib.Memory(tmp_path, verbose=0)
    find = memory.cache(nithresh.find_clusters)
    image = nibabel.Nifti1Image(voxels(nithresh.load(SAMPLE)), np.eye(4))
    first = find(image, LEVEL)
    assert find.check_call_in_cache(image, LEVEL)
    second = find(image, LEVEL)
    assert second.table.as_text() == first.table.as_text()
    np.testing.assert_array_equal(voxels(second.labels_img), voxels(first.labels_img))
    assert joblib.hash(first.table) == joblib.hash(second.table)
