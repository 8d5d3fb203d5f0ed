"""The two images that come with the package."""

from pathlib import Path

from nibabel.nifti1 import Nifti1Image

from nithresh.files import load

_DATA = Path(__file__).parent / "data"


def load_sample_motor_activation_image() -> str:
    """Return the path of a z-map of the contrast left minus right button press.

    Returns
    -------
    str
        A ``.nii.gz`` file: float32, 53 x 63 x 46 voxels of 3 mm, left-handed.

    Notes
    -----
    NeuroVault image 10426 (https://neurovault.org/images/10426), in the public
    domain (CC0). Its values saturate at ±7.94, a value that 693 voxels share.

    Examples
    --------
    >>> load_sample_motor_activation_image()
    '...motor_activation_zmap.nii.gz'
    """
    return str(_DATA / "motor_activation_zmap.nii.gz")


def load_mni152_template() -> Nifti1Image:
    """Load the brain of the MNI152 T1-weighted template, the background of plots.

    Returns
    -------
    nibabel.Nifti1Image
        uint8, 0 outside the brain; 73 x 90 x 78 voxels of 2 mm.

    Notes
    -----
    MNI ICBM 152 non-linear symmetric 2009a [1]_, every second voxel of its
    1 mm version, cropped to the brain. The licence stands beside the file.

    References
    ----------
    .. [1] Fonov et al. (2011), NeuroImage 54(1):313-327.

    Examples
    --------
    >>> load_mni152_template().shape
    (73, 90, 78)
    """
    image: Nifti1Image = load(_DATA / "mni152_2009a_t1_brain_2mm.nii.gz")
    return image
