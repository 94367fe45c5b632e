"""Sample parts: the project's own procedural pictures of products with known defects.

A `Process` is one product of one line; `process.picture(rng)` is a sound piece,
`process.defective(rng)` one with a defect and its mask. `write_sample_set` writes a set to disk.
"""

from reinspect.samples.motors import Motor, write_recording, write_sound_set
from reinspect.samples.process import PRODUCTS, DefectivePicture, Process
from reinspect.samples.sets import CATEGORIES, write_sample_set
from reinspect.samples.views import RECIPE, write_viewed_set

__all__ = [
    "CATEGORIES",
    "PRODUCTS",
    "RECIPE",
    "DefectivePicture",
    "Motor",
    "Process",
    "write_recording",
    "write_sample_set",
    "write_sound_set",
    "write_viewed_set",
]
