"""Images in: safe decoding, crops, masks as run lengths, boxes from masks.

A picture is a `uint8` array of shape (height, width, 3) in BGR order, upright.
"""

from reinspect.images.content import SUFFIXES, holds_picture
from reinspect.images.decoding import (
    Loaded,
    glance,
    load,
    read_image,
    read_view,
    scale_of,
    size_of,
)
from reinspect.images.masks import (
    INVERTED,
    boxes_from_mask,
    decode_mask,
    encode_mask,
    fitted_mask,
    read_mask,
    seems_inverted,
)
from reinspect.images.opening import pages_of, warning_filters
from reinspect.images.places import Crop, crop, from_pixels, to_pixels
from reinspect.images.reading import (
    Mask,
    Pixels,
    UnreadableImage,
    address_of,
    legible,
    one_line,
    sha256_of,
)
from reinspect.vocabulary import MAX_PIXELS

__all__ = [
    "INVERTED",
    "MAX_PIXELS",
    "SUFFIXES",
    "Crop",
    "Loaded",
    "Mask",
    "Pixels",
    "UnreadableImage",
    "address_of",
    "boxes_from_mask",
    "crop",
    "decode_mask",
    "encode_mask",
    "fitted_mask",
    "from_pixels",
    "glance",
    "holds_picture",
    "legible",
    "load",
    "one_line",
    "pages_of",
    "read_image",
    "read_mask",
    "read_view",
    "scale_of",
    "seems_inverted",
    "sha256_of",
    "size_of",
    "to_pixels",
    "warning_filters",
]
