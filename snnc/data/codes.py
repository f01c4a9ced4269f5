"""Explanations of the diagnostics about data, for `snnc explain`."""

from __future__ import annotations

CODES: dict[str, str] = {
    "SN800": (
        "A data specification is not of the form PATH[:SPLIT][[A:B]]. PATH is an .npz or .npy "
        "file or a folder of images, SPLIT chooses x_SPLIT and y_SPLIT of an .npz, and [A:B] "
        "takes samples A up to but not including B, as in Python. Examples: mnist.npz:test, "
        "mnist.npz:train[:500], images/val[100:200]. Quote it in a shell."
    ),
    "SN801": (
        "The data file or folder does not exist or cannot be read. Look at the path in the "
        "message: it is relative to the folder the command runs in."
    ),
    "SN802": (
        "snnc cannot read data of this kind, or the specification asks for something this kind "
        "has not, such as a split of an .npy file. Accepted are .npz and .npy files and folders "
        "of images. Convert other data with numpy.savez(path, x=images, y=labels)."
    ),
    "SN803": (
        "A data file is damaged: it is not a zip archive or .npy file in spite of its name, ends "
        "too early, or a checksum does not fit. Copy or download it again."
    ),
    "SN804": (
        "An array has elements that are not plain numbers: Python objects (which would have to be "
        "unpickled, and unpickling can run any code, so snnc never does it), text, records or "
        "complex numbers. Save the images as one numeric array, all of one size."
    ),
    "SN805": (
        "An .npz has no array of the wanted name. Without a split snnc reads x and y, with a "
        "split x_SPLIT and y_SPLIT; y may be missing. The message lists what the file holds; "
        "choose a split, or save it again with numpy.savez(path, x=images, y=labels)."
    ),
    "SN806": (
        "The data or the chosen range of it holds no sample, or the range reaches beyond the end. "
        "snnc does not shorten a range by itself, because a figure over 500 images would silently "
        "be one over fewer. Choose A and B within the length that the message names."
    ),
    "SN807": (
        "A sample holds NaN or an infinite number after preprocessing. The message names the "
        "first one. Remove or repair such samples; where all of them are affected look at "
        "--divide, --mean and --std."
    ),
    "SN808": (
        "The shape of a sample does not fit the model's input, and snnc does not guess how to "
        "rearrange it. Say how the data is laid out with --layout NCHW (channels first) or "
        "--layout NHWC (channels last); crop or resize images beforehand."
    ),
    "SN809": (
        "The labels cannot be used: there has to be one integer class index (0, 1, 2, ...) per "
        "sample. Turn one-hot rows into indices with y.argmax(1), and whole numbers stored as "
        "floats with y.astype('int64')."
    ),
    "SN810": (
        "A label is larger than the number of classes the model distinguishes. Either the data "
        "belongs to another model, or its labels start at 1 (subtract 1)."
    ),
    "SN811": (
        "A preprocessing setting cannot be used. --divide and every --std have to be finite and "
        "not zero, --mean finite; --mean and --std take one number or one per channel; --layout is "
        "NCHW or NHWC and describes the data, not the model."
    ),
    "SN812": (
        "An image cannot be used: the file is damaged or no image, has an alpha channel or colours "
        "that are not RGB or grey, or differs in size from what the model takes. snnc neither "
        "resizes nor converts colours by itself, since that changes what the model sees."
    ),
    "SN813": (
        "A folder of images is arranged in a way snnc does not know. It holds either one "
        "sub-folder per class with the images in it, or images alone (then there are no labels)."
    ),
    "SN814": (
        "The trained network itself computes NaN or infinity on the calibration data. Check the "
        "preprocessing first (a missing --divide 255 makes inputs 255 times too large), then the "
        "weights of the model."
    ),
    "SN815": (
        "The data has no labels, and what was asked for needs them (accuracy, for instance). Use "
        "an .npz with y beside x, or a folder with one sub-folder per class."
    ),
}
