"""Near-copies of a picture: it shows the same part, and no more of how parts differ."""

import cv2
import numpy as np


def noisy(image: np.ndarray) -> np.ndarray:
    """Another moment."""
    noise = np.random.default_rng(1).normal(0, 1, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def moved(image: np.ndarray) -> np.ndarray:
    """By less than a pixel."""
    step = np.array([[1, 0, 0.8], [0, 1, -0.4]])  # of 400 pixels
    return cv2.warpAffine(image, step, image.shape[1::-1], borderMode=cv2.BORDER_REFLECT)


def encoded(image: np.ndarray) -> np.ndarray:
    """Saved again."""
    _, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)


def lit(image: np.ndarray) -> np.ndarray:
    """A lamp flickers."""
    return np.clip(image * 1.02, 0, 255).astype(np.uint8)


CHANGES = (noisy, moved, encoded, lit)
