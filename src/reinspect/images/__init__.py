"""Images in: safe decoding, spectrograms of recordings, crops, masks, boxes from masks.

A picture is a `uint8` array of shape (height, width, 3) in BGR order, upright.
"""

from reinspect.images.arrays import TABLES
from reinspect.images.content import PARTS, RECORDINGS, SUFFIXES, holds_picture
from reinspect.images.decoding import (
    Loaded,
    give_back,
    glance,
    limit_of,
    load,
    load_to_cut,
    read_image,
    read_measured,
    read_view,
    rules_of,
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
    Tile,
    UnreadableImage,
    address_of,
    legible,
    one_line,
    sha256_of,
)
from reinspect.images.recordings import sound_levels, window_of
from reinspect.images.sets import Reading, pictures_in, reading_of, scale_of
from reinspect.images.tiles import tile_path, tiles_of
from reinspect.vocabulary import MAX_PIXELS

__all__ = [
    "INVERTED",
    "MAX_PIXELS",
    "PARTS",
    "RECORDINGS",
    "SUFFIXES",
    "TABLES",
    "Crop",
    "Loaded",
    "Mask",
    "Pixels",
    "Reading",
    "Tile",
    "UnreadableImage",
    "address_of",
    "boxes_from_mask",
    "crop",
    "decode_mask",
    "encode_mask",
    "fitted_mask",
    "from_pixels",
    "give_back",
    "glance",
    "holds_picture",
    "legible",
    "limit_of",
    "load",
    "load_to_cut",
    "one_line",
    "pages_of",
    "pictures_in",
    "read_image",
    "read_mask",
    "read_measured",
    "read_view",
    "reading_of",
    "rules_of",
    "scale_of",
    "seems_inverted",
    "sha256_of",
    "size_of",
    "sound_levels",
    "tile_path",
    "tiles_of",
    "to_pixels",
    "warning_filters",
    "window_of",
]
