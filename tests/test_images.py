import hashlib
import io
import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from reinspect import images, pictures
from reinspect.images import UnreadableImage, read_image, scale_of, size_of
from reinspect.images.stored import UPRIGHT
from reinspect.vocabulary import Box, Rle, Scale, View


def scene(height: int = 40, width: int = 60) -> np.ndarray:
    """A smooth BGR picture that differs under every flip and rotation."""
    ys, xs = np.mgrid[:height, :width]
    return np.stack([xs * 4, ys * 6, (xs + ys) * 2], axis=2).clip(0, 255).astype(np.uint8)


def pillow(bgr: np.ndarray) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(bgr[..., ::-1]))


def encoded(image: Image.Image, name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def noise_file(name: str, **options: object) -> bytes:
    """Hard to compress, so that every cut falls into the pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    return encoded(Image.fromarray(pixels), name, **options)


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        pytest.param("PNG", {}, 0, id="png"),
        pytest.param("BMP", {}, 0, id="bmp"),
        pytest.param("TIFF", {}, 0, id="tiff"),
        pytest.param("TIFF", {"compression": "tiff_lzw"}, 0, id="tiff-lzw"),
        pytest.param("PPM", {}, 0, id="ppm"),
        pytest.param("WEBP", {"lossless": True}, 0, id="webp"),
        pytest.param("JPEG2000", {"irreversible": False}, 0, id="jpeg-2000"),
        pytest.param("JPEG", {"quality": 95}, 6, id="jpeg"),
        pytest.param("JPEG", {"quality": 95, "progressive": True}, 6, id="jpeg-progressive"),
    ],
)
def test_every_format_gives_the_same_picture(
    tmp_path: Path, name: str, options: dict[str, object], tolerance: int
) -> None:
    path = tmp_path / "part"  # the content decides, not the suffix
    path.write_bytes(encoded(pillow(scene()), name, **options))
    found = read_image(path)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    assert np.abs(found.astype(int) - scene()).max() <= tolerance


@pytest.mark.parametrize(
    ("name", "orientation", "shape"),
    [
        pytest.param("a.jpg", 1, (150, 200), id="a quarter of it"),
        pytest.param("a.jpg", 6, (200, 150), id="turned"),
        pytest.param("a.png", 1, (600, 800), id="no JPEG, whole"),
    ],
)
def test_a_glance_is_a_smaller_picture_of_the_same_file(
    tmp_path: Path, name: str, orientation: int, shape: tuple[int, int]
) -> None:
    ramp = np.linspace(0, 255, 800, dtype=np.uint8)
    image = Image.fromarray(np.dstack([np.tile(ramp, (600, 1))] * 3))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / name, exif=exif)
    seen, whole = images.glance(tmp_path / name, 180), images.load(tmp_path / name)
    assert seen.sha256 == whole.sha256
    assert seen.pixels.shape[:2] == shape
    expected = cv2.resize(whole.pixels, shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(seen.pixels.astype(int) - expected.astype(int)).max() < 4


def test_a_glance_is_never_smaller_than_asked_for(tmp_path: Path) -> None:
    Image.new("RGB", (300, 40)).save(tmp_path / "a.jpg")
    for side, width in ((299, 300), (151, 300), (150, 150), (1, 38), (4000, 300)):
        assert images.glance(tmp_path / "a.jpg", side).pixels.shape[1] == width


def test_load_hashes_the_bytes_that_it_decodes(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(pillow(scene()), "PNG"))
    loaded = images.load(path)
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest() == images.sha256_of(path)
    np.testing.assert_array_equal(loaded.pixels, scene())


GREY = scene()[..., 0]


@pytest.mark.parametrize(
    ("image", "name", "expected"),
    [
        pytest.param(Image.fromarray(GREY), "PNG", GREY, id="grey"),
        pytest.param(Image.fromarray(GREY > 99), "PNG", (GREY > 99) * 255, id="one-bit"),
        pytest.param(Image.fromarray(GREY).convert("P"), "PNG", GREY, id="palette"),
        pytest.param(Image.fromarray(GREY).convert("P"), "GIF", GREY, id="gif"),
        pytest.param(
            Image.merge("LA", [Image.fromarray(GREY), Image.new("L", (60, 40), 255)]),
            "PNG",
            GREY,
            id="grey-with-alpha",
        ),
    ],
)
def test_grey_kinds(tmp_path: Path, image: Image.Image, name: str, expected: np.ndarray) -> None:
    path = tmp_path / "a"
    path.write_bytes(encoded(image, name))
    np.testing.assert_array_equal(read_image(path), np.stack([expected] * 3, axis=2))


def test_transparency_is_laid_on_mid_grey(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0] = (200, 100, 0, 255), (200, 100, 0, 0), (200, 100, 0, 128)
    Image.fromarray(pixels).save(path)
    assert read_image(path)[0].tolist() == [[0, 100, 200], [128] * 3, [64, 114, 164]]


def test_transparent_palette_entry(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putdata([0, 1])
    image.save(tmp_path / "a.png", transparency=0)
    assert read_image(tmp_path / "a.png")[0].tolist() == [[128] * 3, [60, 50, 40]]


def test_cmyk(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    blue, green, red = read_image(tmp_path / "a.jpg")[4, 4]
    assert red > 240
    assert max(blue, green) < 15


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int, suffix: str) -> None:
    stored = {
        1: scene(),
        2: scene()[:, ::-1],
        3: scene()[::-1, ::-1],
        4: scene()[::-1],
        5: scene().transpose(1, 0, 2),
        6: np.rot90(scene()),
        7: np.rot90(scene(), 2).transpose(1, 0, 2),
        8: np.rot90(scene(), -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    pillow(stored).save(path, exif=exif)
    np.testing.assert_array_equal(read_image(path), scene())
    assert images.size_of(path) == (60, 40)


DEEP = (np.arange(40 * 60).reshape(40, 60) * 27).astype(np.uint16)  # up to 64773
TWELVE = DEEP // 16


@pytest.mark.parametrize(
    ("values", "full", "suffix"),
    [
        pytest.param(DEEP, 65535, ".png", id="grey-png"),
        pytest.param(DEEP, 65535, ".tif", id="grey-tiff"),
        pytest.param(DEEP, 65535, ".pgm", id="grey-pgm"),
        pytest.param(TWELVE, 4095, ".png", id="grey-12-bit"),
        pytest.param(np.stack([DEEP, DEEP // 2, DEEP // 3], 2), 65535, ".png", id="colour-png"),
        pytest.param(np.stack([DEEP, DEEP // 2, DEEP // 3], 2), 65535, ".tif", id="colour-tiff"),
        pytest.param(np.stack([TWELVE, TWELVE // 2, TWELVE], 2), 4095, ".png", id="colour-12-bit"),
        pytest.param(np.full((3, 5), 4095, np.uint16), 4095, ".png", id="12-bit-white"),
        pytest.param(np.full((3, 5), 4400, np.uint16), 16383, ".png", id="over-12-bit"),
        pytest.param(DEEP // 64, 1023, ".png", id="grey-10-bit"),
        pytest.param(DEEP // 257, 255, ".png", id="8-bit-in-16"),
        pytest.param(np.zeros((3, 5), np.uint16), 4095, ".png", id="black"),
    ],
)
def test_16_bits_are_scaled_by_a_fixed_full_scale(
    tmp_path: Path, values: np.ndarray, full: int, suffix: str
) -> None:
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), values)
    expected = np.rint(values / full * 255)
    if values.ndim == 2:
        expected = np.stack([expected] * 3, axis=2)
    assert np.abs(read_image(path) - expected).max() <= 0.5  # float32 against float64 at a tie


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([[0.0, 0.5, 1.0]], [0, 128, 255], id="0-to-1"),
        pytest.param([[0.0, 51.0, 255.0]], [0, 51, 255], id="0-to-255"),
        pytest.param([[0.0, float("nan"), 255.0]], [0, 0, 255], id="no-number"),
        pytest.param([[-20.0, 15.0, 50.0]], [0, 128, 255], id="signed"),
    ],
)
def test_floats_are_scaled_by_their_range(
    tmp_path: Path, values: list[list[float]], expected: list[int]
) -> None:
    Image.fromarray(np.array(values * 2, np.float32)).save(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif")[0, :, 0].tolist() == expected


def put_deep(path: Path, values: np.ndarray, **info: object) -> Path:
    Image.fromarray(values.astype(np.uint16)).save(path, **info)
    return path


@pytest.mark.parametrize(
    ("brightest", "bits", "full"),
    [
        pytest.param([900, 1000], None, 1023, id="10-bit"),
        pytest.param([4000, 200], None, 4095, id="one-dark-one-bright"),
        pytest.param([4000, 4200], None, 4192, id="about-12-bit"),
        pytest.param([200, 250], None, 255, id="8-bit-in-16"),
        pytest.param([200, 250], 4095, 4095, id="told-by-the-tags"),
        pytest.param([60000, 250], 4095, 65535, id="tags-belied"),
    ],
)
def test_references_decide_together_on_their_scale(
    tmp_path: Path, brightest: list[int], bits: int | None, full: int
) -> None:
    ramp = np.linspace(0, 1, 10_000).reshape(100, 100)
    files = []
    for number, value in enumerate(brightest):
        values = (ramp * value).astype(np.uint16)
        values[0, 0] = 65535  # a hot pixel has no say
        info = {} if bits is None else {"tiffinfo": {281: bits}}
        files.append(put_deep(tmp_path / f"{number}.tif", values, **info))
    assert images.scale_of(files) == Scale(white=full)


def test_pictures_of_8_bits_have_no_scale(tmp_path: Path) -> None:
    pillow(scene()).save(tmp_path / "a.png")
    assert images.scale_of([tmp_path / "a.png"]) is None
    assert images.load(tmp_path / "a.png", scale=Scale(white=4095)).scale is None


def test_a_picture_tells_what_lies_beyond_the_scale(tmp_path: Path) -> None:
    values = np.full((10, 10), 2000)
    values[:2] = 60000
    loaded = images.load(put_deep(tmp_path / "a.tif", values), scale=Scale(white=4095))
    assert (loaded.scale, loaded.outside) == (Scale(white=4095), pytest.approx(0.2))
    assert loaded.pixels[:, 0, 0].tolist() == [255, 255, *[125] * 8]


def test_a_view_is_read_by_its_scale(tmp_path: Path) -> None:
    path = put_deep(tmp_path / "a.tif", np.full((10, 10), 1000))
    sha256 = images.sha256_of(path)
    for white, expected in ((4095, 62), (1023, 249), (4095, 62)):
        view = View(path=str(path), sha256=sha256, scale=Scale(white=white))
        assert images.read_view(view)[0, 0, 0] == expected


def tiff_16(values: np.ndarray, orientation: int) -> bytes:
    """A little-endian TIFF by hand: Pillow can't write 16-bit colour, OpenCV no orientation."""
    height, width = values.shape[:2]
    channels = values.shape[2] if values.ndim == 3 else 1
    pixels = values.astype("<u2").tobytes()
    bits = struct.pack("<3H", 16, 16, 16)
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, channels, 16 if channels == 1 else 8 + len(pixels)),
        (259, 3, 1, 1),
        (262, 3, 1, 1 if channels == 1 else 2),
        (273, 4, 1, 8),
        (274, 3, 1, orientation),
        (277, 3, 1, channels),
        (278, 4, 1, height),
        (279, 4, 1, len(pixels)),
    ]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *t) for t in tags)
    header = b"II*\0" + struct.pack("<I", 8 + len(pixels) + len(bits))
    return header + pixels + bits + directory + bytes(4)


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
def test_orientation_of_16_bit_tiff(tmp_path: Path, colour: bool, orientation: int) -> None:
    rgb = np.stack([DEEP, DEEP // 2, DEEP // 3], 2) if colour else DEEP
    path = tmp_path / "a.tif"
    path.write_bytes(tiff_16(rgb, orientation))
    expected = np.stack([DEEP] * 3, 2) if not colour else rgb[..., ::-1]
    expected = np.rot90(expected, {1: 0, 3: 2, 6: -1}[orientation])
    assert np.abs(read_image(path) - expected / 257).max() <= 0.5
    assert images.size_of(path) == expected.shape[1::-1]


def test_16_bit_transparency(tmp_path: Path) -> None:
    values = np.zeros((1, 2, 4), np.uint16)
    values[0] = (65535, 0, 0, 65535), (65535, 0, 0, 0)
    cv2.imwrite(str(tmp_path / "a.png"), values)
    assert read_image(tmp_path / "a.png")[0].tolist() == [[255, 0, 0], [128] * 3]


def test_one_pixel(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1), (1, 2, 3)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").tolist() == [[[3, 2, 1]]]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.98])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param("JPEG", {}, id="jpeg"),
        pytest.param("JPEG", {"progressive": True}, id="jpeg-progressive"),
        pytest.param("PNG", {}, id="png"),
        pytest.param("BMP", {}, id="bmp"),
        pytest.param("TIFF", {}, id="tiff"),
        pytest.param("TIFF", {"compression": "tiff_lzw"}, id="tiff-lzw"),
        pytest.param("WEBP", {"lossless": True}, id="webp"),
        pytest.param("JPEG2000", {}, id="jpeg-2000"),
        pytest.param("PPM", {}, id="ppm"),
    ],
)
def test_truncated_files_are_refused_without_noise(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    name: str,
    options: dict[str, object],
    share: float,
) -> None:
    whole = noise_file(name, **options)
    path = tmp_path / "a.png"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(UnreadableImage, match="copy it again"):
        read_image(path)
    assert capfd.readouterr() == ("", "")


def test_truncated_16_bit_colour_is_refused_without_noise(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    values = np.random.default_rng(0).integers(0, 65536, (40, 60, 3), np.uint16)
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), values)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(UnreadableImage, match="truncated"):
        read_image(path)
    assert capfd.readouterr() == ("", "")


def make_folder(path: Path) -> None:
    path.mkdir()


def make_loop(path: Path) -> None:
    path.symlink_to(path.name)


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda p: None, "no such file", id="missing"),
        pytest.param(lambda p: p.write_bytes(b""), "the file is empty", id="empty"),
        pytest.param(lambda p: p.write_text("hello"), "not an image", id="text"),
        pytest.param(
            lambda p: p.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
            "not an image",
            id="program-like-format",
        ),
        pytest.param(lambda p: p.write_bytes(b"\xff\xd8\xff"), "damaged JPEG", id="bare-signature"),
        pytest.param(make_folder, "is a folder", id="folder"),
        pytest.param(make_loop, "symbolic links", id="link-to-itself"),
        pytest.param(make_pipe, "not a regular file", id="pipe"),
        pytest.param(lambda p: p.symlink_to("gone.png"), "broken link to gone.png", id="link"),
        pytest.param(
            lambda p: p.write_bytes(png_header(20_000, 10_000)),
            r"20000×10000 pixels \(200 megapixels\) is over the limit of 100 megapixels",
            id="200-megapixels",
        ),
        pytest.param(
            lambda p: p.write_bytes(png_header(2**31 - 1, 2**31 - 1)), "over the limit", id="bomb"
        ),
    ],
)
@pytest.mark.parametrize("read", [read_image, images.load], ids=["read_image", "load"])
def test_refusals_are_one_clear_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], make, message: str, read
) -> None:
    path = tmp_path / "a part\nin two lines.png"
    make(path)
    with pytest.raises(UnreadableImage, match=message) as caught:
        read(path)
    line = str(caught.value)
    assert "\n" not in line
    assert "in two lines.png" in line
    assert line.count("; ") == 1  # what; what to do
    assert capfd.readouterr() == ("", "")


def test_below_a_regular_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UnreadableImage, match="not a directory"):
        read_image(tmp_path / "file" / "a.png")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_no_permission(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(pillow(scene()), "PNG"))
    path.chmod(0)
    with pytest.raises(UnreadableImage, match="no permission"):
        read_image(path)


def test_no_permission_is_named_even_for_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "a.png"
    path.write_bytes(b"x")
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(UnreadableImage, match="no permission to read it; change its permissions"):
        read_image(path)


def test_the_limit_is_the_callers(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(pillow(scene()), "PNG"))
    assert read_image(path, max_pixels=2400).shape == (40, 60, 3)
    with pytest.raises(UnreadableImage, match="60×40"):
        read_image(path, max_pixels=2399)


def test_a_file_too_large_for_an_image_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    with path.open("wb") as file:
        file.truncate(2 << 30)  # sparse
    with pytest.raises(UnreadableImage, match="2147 MB"):
        read_image(path)


def test_large_but_legal_sizes_give_no_warning(tmp_path: Path) -> None:
    """Pillow warns from 89 megapixels on; a warning would be an error here."""
    path = tmp_path / "a.png"
    path.write_bytes(png_header(9_900, 10_000))
    assert images.size_of(path) == (9_900, 10_000)


def test_read_view_refuses_changed_content(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    pictures.write_image(path, scene())
    view = View(path=str(path), sha256=images.sha256_of(path))
    np.testing.assert_array_equal(images.read_view(view), scene())
    pictures.write_image(path, 255 - scene())
    np.testing.assert_array_equal(images.read_view(view), scene())  # the one in hand
    images.load(path)
    with pytest.raises(UnreadableImage, match="content changed"):
        images.read_view(view)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        pytest.param((0, 0, 1, 1), (0, 0, 10, 20), id="whole"),
        pytest.param((0.11, 0.11, 0.19, 0.19), (1, 2, 2, 4), id="outwards"),
        pytest.param((0.999, 0.999, 1, 1), (9, 19, 10, 20), id="corner"),
        pytest.param((0.5, 0.5, 0.5 + 1e-9, 0.5 + 1e-9), (5, 10, 6, 11), id="never-empty"),
    ],
)
def test_to_pixels(box: tuple[float, ...], expected: tuple[int, ...]) -> None:
    assert images.to_pixels(Box(*box), 10, 20) == expected


def test_pixels_and_back() -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        width, height = (int(v) for v in rng.integers(2, 5000, 2))
        x1, y1 = int(rng.integers(0, width)), int(rng.integers(0, height))
        x2, y2 = int(rng.integers(x1 + 1, width + 1)), int(rng.integers(y1 + 1, height + 1))
        box = images.from_pixels((x1, y1, x2, y2), width, height)
        assert images.to_pixels(box, width, height) == (x1, y1, x2, y2)


def test_from_pixels_cuts_and_refuses() -> None:
    assert images.from_pixels((-5, 5, 20, 10), 10, 10) == (0, 0.5, 1, 1)
    with pytest.raises(ValueError, match=r"\(12, 0, 14, 5\) is empty"):
        images.from_pixels((12, 0, 14, 5), 10, 10)


@pytest.mark.parametrize(
    ("box", "options", "corners"),
    [
        pytest.param((0.5, 0.5, 0.6, 0.6), {}, (50, 50, 60, 60), id="bare"),
        pytest.param((0.5, 0.5, 0.6, 0.6), {"margin": 0.5}, (45, 45, 65, 65), id="context"),
        pytest.param((0, 0.5, 0.1, 0.6), {"margin": 0.5}, (0, 45, 20, 65), id="moved-inwards"),
        pytest.param((0.5, 0.5, 0.51, 0.51), {"least": 20}, (40, 40, 61, 61), id="least"),
        pytest.param((0.2, 0.2, 0.4, 0.4), {"least": 500}, (0, 0, 100, 100), id="whole-picture"),
    ],
)
def test_crop(box: tuple[float, ...], options: dict[str, float], corners: tuple[int, ...]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    cut = images.crop(picture, Box(*box), **options)
    x1, y1, x2, y2 = corners
    np.testing.assert_array_equal(cut.pixels, picture[y1:y2, x1:x2])
    assert images.to_pixels(cut.box, 100, 100) == corners
    cut.pixels[:] = 0
    assert picture[y1:y2, x1:x2].any()


def test_run_lengths_are_coco() -> None:
    mask = np.zeros((4, 3), bool)
    mask[1:3, 1] = True
    rle = images.encode_mask(mask)
    assert rle == Rle(size=(4, 3), counts="525")
    np.testing.assert_array_equal(images.decode_mask(rle), mask)
    assert images.decode_mask(rle).dtype == bool


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.999, 1.0])
def test_run_lengths_come_back(share: float) -> None:
    mask = np.random.default_rng(3).random((137, 253)) < share
    rle = images.encode_mask(mask)
    np.testing.assert_array_equal(images.decode_mask(rle), mask)
    assert images.encode_mask(images.decode_mask(rle)) == rle


@pytest.mark.parametrize(
    ("size", "counts"),
    [
        pytest.param((4, 3), "5", id="too few"),
        pytest.param((4, 3), "52O", id="a number that goes on"),
        pytest.param((4, 3), "5O7", id="below nothing"),
        pytest.param((4, 3), "ä", id="no run length"),
        pytest.param((4, 3), "o" * 100_000, id="a number without an end"),
        pytest.param((10**9, 10**9), "5oooooo00", id="more than there is memory"),
        pytest.param((-1, -12), "525", id="a size below nothing"),
    ],
)
def test_what_are_no_run_lengths_is_refused(size: tuple[int, int], counts: str) -> None:
    with pytest.raises(ValueError, match="run lengths"):
        images.decode_mask(Rle(size=size, counts=counts))


def test_boxes_from_mask_merges_fragments_and_encloses_tightly() -> None:
    mask = np.zeros((100, 200), np.uint8)
    mask[10:12, 10:20] = 255
    mask[10:12, 21:30] = 255  # one pixel away: the same scratch
    mask[60:80, 100:140] = 1
    mask[99, 199] = 7
    assert images.boxes_from_mask(mask) == (
        Box(0.5, 0.6, 0.7, 0.8),
        Box(0.05, 0.1, 0.15, 0.12),
        Box(0.995, 0.99, 1, 1),
    )
    assert len(images.boxes_from_mask(mask, merge=0)) == 4
    assert len(images.boxes_from_mask(mask, merge=1)) == 1


def test_an_empty_mask_has_no_boxes() -> None:
    assert images.boxes_from_mask(np.zeros((5, 5), bool)) == ()


def test_read_mask(tmp_path: Path) -> None:
    mask = np.random.default_rng(0).random((20, 30)) > 0.5
    Image.fromarray(mask).save(tmp_path / "m.png")
    np.testing.assert_array_equal(images.read_mask(tmp_path / "m.png"), mask)


def drawn_mask() -> np.ndarray:
    mask = np.zeros((20, 30), bool)
    mask[5:9, 10:20] = True
    return mask


def put_palette(path: Path, colours: list[int]) -> None:
    image = Image.fromarray(drawn_mask().astype(np.uint8), "P")
    image.putpalette(colours)
    image.save(path)


def put_painted(path: Path, ink: int) -> None:
    """Ink on a transparent ground, whose colour is white."""
    rgba = np.full((20, 30, 4), 255, np.uint8)
    rgba[..., :3][drawn_mask()] = ink
    rgba[..., 3] = drawn_mask() * 255
    Image.fromarray(rgba).save(path)


def put_folder(path: Path) -> None:
    path.mkdir()
    for number, half in enumerate((np.s_[:, :15], np.s_[:, 15:])):
        mask = np.zeros((20, 30), np.uint8)
        mask[half] = drawn_mask()[half] * (200 + number)
        Image.fromarray(mask).save(path / f"00{number}.png")


@pytest.mark.parametrize(
    ("name", "put"),
    [
        pytest.param("m.png", lambda p: Image.fromarray(drawn_mask()).save(p), id="1-bit"),
        pytest.param(
            "m.png", lambda p: Image.fromarray(drawn_mask().astype(np.uint8)).save(p), id="ids"
        ),
        pytest.param(
            "m.png", lambda p: Image.fromarray(drawn_mask().astype(np.uint16)).save(p), id="16-bit"
        ),
        pytest.param(
            "m.tif", lambda p: Image.fromarray(drawn_mask().astype(np.float32)).save(p), id="floats"
        ),
        pytest.param("m.bmp", lambda p: pillow_mask().save(p), id="bmp"),
        pytest.param("m.jpg", lambda p: pillow_mask().save(p, quality=60), id="jpeg"),
        pytest.param("m.png", lambda p: put_palette(p, [0, 0, 0, 128, 0, 0]), id="palette"),
        pytest.param("m.png", lambda p: put_palette(p, [0, 0, 0, 0, 0, 0]), id="black-palette"),
        pytest.param("m.png", lambda p: put_painted(p, 255), id="white-on-transparent"),
        pytest.param("m.png", lambda p: put_painted(p, 0), id="black-on-transparent"),
        pytest.param("m", put_folder, id="folder"),
        pytest.param("m.png#inverted", lambda p: put_inverted(p), id="inverted"),
    ],
)
def test_masks_of_any_kind(tmp_path: Path, name: str, put) -> None:
    put(tmp_path / name)
    np.testing.assert_array_equal(images.read_mask(tmp_path / name), drawn_mask())


def pillow_mask() -> Image.Image:
    return Image.fromarray(drawn_mask().astype(np.uint8) * 255)


def test_a_mask_that_was_scaled_is_set_from_mid_grey_on(tmp_path: Path) -> None:
    mask = np.zeros((200, 300), np.uint8)
    cv2.circle(mask, (150, 100), 60, 255, -1)
    soft = cv2.resize(cv2.GaussianBlur(mask, (0, 0), 3), (150, 100), interpolation=cv2.INTER_AREA)
    Image.fromarray(soft).save(tmp_path / "m.png")
    found = images.fitted_mask(images.read_mask(tmp_path / "m.png"), mask.shape)
    assert found.sum() == pytest.approx((mask > 0).sum(), rel=0.02)


def put_inverted(path: Path) -> None:
    Image.fromarray((~drawn_mask()).astype(np.uint8) * 255).save(path.with_name("m.png"))


def test_a_mask_that_sets_all_but_a_place_seems_inverted() -> None:
    assert not images.seems_inverted(drawn_mask())
    assert images.seems_inverted(~drawn_mask())


def test_heat_map_leaves_the_cold_part_alone() -> None:
    heat = np.zeros((4, 6), np.float32)
    heat[:, 4:] = 9
    heat[0, 0] = np.nan
    laid = pictures.heat_map_picture(scene(), heat, low=1, high=5)
    np.testing.assert_array_equal(laid[:, :30], scene()[:, :30])
    assert np.abs(laid[:, 50:].astype(int) - scene()[:, 50:]).mean() > 40
    with pytest.raises(ValueError, match="from 5 to 5 is empty"):
        pictures.heat_map_picture(scene(), heat, low=5, high=5)


def test_side_by_side() -> None:
    row = pictures.side_by_side(scene(), scene(20, 60))
    assert row.shape == (40, 60 + 2 + 120, 3)
    assert (row[:, 60:62] == 255).all()
    np.testing.assert_array_equal(row[:, :60], scene())
    with pytest.raises(ValueError, match="at least one"):
        pictures.side_by_side()


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    goal = tmp_path / "out" / "a.png"
    goal.mkdir(parents=True)  # a folder stands where the file should go
    with pytest.raises(OSError, match=r"a\.png"):
        pictures.write_image(goal, scene())
    assert list(goal.parent.iterdir()) == [goal]
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match="file"):
        pictures.write_image(tmp_path / "file" / "a.png", scene())
    with pytest.raises(ValueError, match=r"not '\.bmp'"):
        pictures.write_image(tmp_path / "a.bmp", scene())


def test_pictures_are_addressed_by_content(tmp_path: Path) -> None:
    key = "ab" * 32
    kept = pictures.Pictures(tmp_path / "run" / "pictures")
    picture = kept.save(scene(), shows="heat_map", key=key)
    assert picture.path == "pictures/ab/abababababababab.heat_map.jpg"
    written = tmp_path / "run" / picture.path
    assert picture.sha256 == images.sha256_of(written)
    assert np.abs(read_image(written).astype(int) - scene()).mean() < 8
    assert kept.save(255 - scene(), shows="heat_map", key=key).sha256 != picture.sha256
    assert len([p for p in tmp_path.rglob("*") if p.is_file()]) == 1


@pytest.mark.parametrize(
    ("shows", "key", "message"),
    [
        pytest.param("../../x", "a" * 64, "picture name", id="climbing-name"),
        pytest.param("crop", "../" * 8, "key", id="climbing-key"),
    ],
)
def test_pictures_stay_in_their_folder(tmp_path: Path, shows: str, key: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pictures.Pictures(tmp_path).save(scene(), shows=shows, key=key)


GREY = np.arange(200, dtype=np.uint8).reshape(10, 20)
RGB = np.dstack([GREY, GREY // 2, GREY // 3])


@pytest.mark.parametrize(
    ("values", "how", "expected"),
    [
        pytest.param(GREY.astype(np.float16), {}, GREY, id="float16"),
        pytest.param(GREY.astype(np.float64) / 255, {}, GREY, id="float64"),
        pytest.param(GREY.astype(np.int16), {}, GREY, id="signed"),
        pytest.param(GREY.astype(np.uint16) * 257, {"bigtiff": True}, GREY, id="bigtiff"),
        pytest.param(
            65535 - GREY.astype(np.uint16) * 257,
            {"photometric": "miniswhite"},
            GREY,
            id="white-is-0",
        ),
        pytest.param(
            GREY.astype(np.uint16) * 257,
            {"compression": "zlib", "predictor": True, "tile": (16, 16)},
            GREY,
            id="tiles",
        ),
        pytest.param(RGB.astype(np.uint16) * 257, {"photometric": "rgb"}, RGB, id="colour"),
        pytest.param(
            RGB.astype(np.float32) / 255, {"photometric": "rgb"}, RGB, id="colour-of-floats"
        ),
        pytest.param(
            np.moveaxis(RGB.astype(np.uint16) * 257, 2, 0),
            {"photometric": "rgb", "planarconfig": "separate"},
            RGB,
            id="separate-planes",
        ),
    ],
)
def test_tiff_of_any_kind(
    tmp_path: Path, values: np.ndarray, how: dict[str, object], expected: np.ndarray
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", values, **how)
    full = Scale(white=1.0 if values.dtype.kind == "f" and values.max() <= 1 else 65535.0)
    full = Scale(white=255.0) if 1 < values.max() < 256 else full
    if expected.ndim == 2:
        expected = np.dstack([expected] * 3)
    found = read_image(tmp_path / "a.tif", scale=full).astype(int)
    assert np.abs(found - expected[..., ::-1]).max() <= 1


def put_pages(path: Path, *, thumbnail: bool = False) -> Path:
    with tifffile.TiffWriter(path) as tiff:
        for number in range(3):
            tiff.write(np.full((10, 20), 60 * number, np.uint8))
        if thumbnail:
            tiff.write(np.zeros((5, 10), np.uint8), subfiletype=1)
    return path


def test_pages_are_pictures_of_their_own(tmp_path: Path) -> None:
    path = put_pages(tmp_path / "scan.tif", thumbnail=True)
    assert images.pages_of(path) == ((1, 2, 3), 1)
    places = [path, *(f"{path}#{number}" for number in (1, 2, 3))]
    assert [read_image(place)[0, 0, 0] for place in places] == [0, 0, 60, 120]
    loaded = [images.load(place) for place in places]
    assert [own.sha256 for own in loaded] == [images.sha256_of(place) for place in places]
    assert len({own.sha256 for own in loaded}) == 3
    view = View(path=places[3], sha256=loaded[3].sha256)
    assert images.read_view(view)[0, 0, 0] == 120
    assert images.size_of(places[2]) == (20, 10)
    with pytest.raises(UnreadableImage, match="the file has no page 9"):
        read_image(f"{path}#9")


@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "uint16", "uint32"])
@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
def test_pages_of_any_kind_are_found(tmp_path: Path, kind: str, colour: bool) -> None:
    values = np.arange(3 * 8 * 9, dtype=np.float64).reshape(3, 8, 9)
    if colour:
        values = np.repeat(values[..., None], 3, axis=3)
    photometric = "rgb" if colour else "minisblack"
    tifffile.imwrite(tmp_path / "a.tif", values.astype(kind), photometric=photometric)
    assert images.pages_of(tmp_path / "a.tif") == ((1, 2, 3), 0)
    last = read_image(tmp_path / "a.tif#3", scale=Scale(white=255.0))
    assert np.array_equal(last[..., 0], values[2].max(axis=-1) if colour else values[2])


def test_a_page_of_another_kind_is_found_as_well(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(np.full((8, 9), 7, np.uint8), photometric="minisblack")
        tiff.write(np.full((8, 9), 9.0), photometric="minisblack")
    assert images.pages_of(tmp_path / "a.tif") == ((1, 2), 0)
    assert read_image(tmp_path / "a.tif#2", scale=Scale(white=255.0)).max() == 9


def test_a_file_with_a_mark_in_its_name_is_itself(tmp_path: Path) -> None:
    pillow(scene()).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.png#2")
    assert read_image(tmp_path / "a.png#2").shape == (40, 60, 3)


def test_deep_colour_of_a_later_page(tmp_path: Path) -> None:
    pages = [np.dstack([DEEP] * 3), np.dstack([DEEP[::-1]] * 3)]
    cv2.imwritemulti(str(tmp_path / "a.tif"), pages)
    expected = DEEP[::-1] / 257
    assert np.abs(read_image(tmp_path / "a.tif#2")[..., 0] - expected).max() <= 0.5


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param("a.jfif", "JPEG", id="jfif"),
        pytest.param("a.jpe", "JPEG", id="jpe"),
        pytest.param("a.png", "JPEG", id="wrong-ending"),
        pytest.param("a", "PNG", id="no-ending"),
        pytest.param("a.pnm", "PPM", id="pnm"),
        pytest.param("a.tga", "TGA", id="tga"),
        pytest.param("a", "TGA", id="tga-by-its-end"),
        pytest.param("a.png", "TGA", id="tga-of-a-wrong-ending"),
        pytest.param("a.dib", "DIB", id="dib-without-a-header"),
        pytest.param("a.avif", "AVIF", id="avif"),
    ],
)
def test_pictures_are_judged_by_their_content(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / name).write_bytes(encoded(pillow(scene()), kind))
    assert np.abs(read_image(tmp_path / name).astype(int) - scene()).mean() < 20
    assert images.holds_picture(tmp_path / name) or kind == "DIB"


def dng(*, gain: float = 1.0, orientation: int = 1, matrix: bool = True) -> bytes:
    """A raw picture of 12 bits under red, green and blue filters: (120, 160), dark in one place."""
    sensor = np.zeros((120, 160), np.uint16)
    for row, column, value in ((0, 0, 3000), (0, 1, 2000), (1, 0, 2000), (1, 1, 1000)):
        sensor[row::2, column::2] = round(value * gain)
    sensor[20:50, 40:90] //= 3
    xyz = (3240454, -1537138, -498531, -969266, 1876010, 41556, 55643, -204026, 1057225)
    tags = [
        (50706, "B", 4, (1, 4, 0, 0), True),
        (50707, "B", 4, (1, 1, 0, 0), True),
        (50708, "s", 0, "Drawn Camera", True),
        (33421, "H", 2, (2, 2), True),
        (33422, "B", 4, (0, 1, 1, 2), True),
        (50714, "H", 1, 0, True),
        (50717, "I", 1, 4095, True),
        (274, "H", 1, orientation, True),
        (50728, "2I", 3, (1, 2, 1, 1, 3, 4), True),  # the camera's own balance, which has no say
    ]
    if matrix:
        flat = [number for value in xyz for number in (value, 1000000)]
        tags += [(50721, "2i", 9, tuple(flat), True), (50778, "H", 1, 21, True)]
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, sensor, photometric=32803, extratags=tags, metadata=None)
    return buffer.getvalue()


@pytest.mark.needs("rawpy")
@pytest.mark.parametrize("name", ["a.dng", "a.tif", "a"])
def test_raw_pictures_are_developed_alike(tmp_path: Path, name: str) -> None:
    for folder, gain in (("bright", 1.0), ("dim", 0.5)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(dng(gain=gain))
    files = [tmp_path / folder / name for folder in ("bright", "dim")]
    scale = scale_of(files)
    assert scale == Scale(white=65535)
    bright, dim = (read_image(file, scale=scale) for file in files)
    assert bright.shape == (120, 160, 3)
    blue, green, red = (int(value) for value in bright[100, 100])
    assert blue < green < red
    assert bright[35, 65].max() < 0.7 * bright[100, 100].max()
    # Brightness is the part's, and isn't made up for: by BT.709's curve half is 0.7 times as much.
    assert dim[100, 100].max() / red == pytest.approx(0.7, abs=0.03)
    assert images.holds_picture(files[0])
    assert images.pages_of(files[0]).numbers == (1,)


@pytest.mark.needs("rawpy")
def test_the_preview_of_a_raw_picture_is_no_picture(tmp_path: Path) -> None:
    """As cameras write it: a small picture first, and what the sensor caught below it."""
    sensor = np.full((120, 160), 2000, np.uint16)
    said = [(50706, "B", 4, (1, 4, 0, 0), True), (50708, "s", 0, "Drawn Camera", True)]
    filters = [(33421, "H", 2, (2, 2), True), (33422, "B", 4, (0, 1, 1, 2), True)]
    white = [(50717, "I", 1, 4095, True)]
    with tifffile.TiffWriter(tmp_path / "a.dng") as tiff:
        preview = np.full((30, 40, 3), 200, np.uint8)
        tiff.write(preview, photometric="rgb", subfiletype=1, subifds=1, extratags=said)
        tiff.write(sensor, photometric=32803, extratags=filters + white)
    assert images.pages_of(tmp_path / "a.dng") == ((1,), 0)
    assert size_of(tmp_path / "a.dng") == (160, 120)
    assert read_image(tmp_path / "a.dng").shape == (120, 160, 3)


@pytest.mark.needs("rawpy")
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_raw_pictures_are_upright(tmp_path: Path, orientation: int) -> None:
    (tmp_path / "a.dng").write_bytes(dng(orientation=orientation))
    (tmp_path / "b.dng").write_bytes(dng())
    turned, plain = read_image(tmp_path / "a.dng"), read_image(tmp_path / "b.dng")
    assert np.array_equal(turned, UPRIGHT.get(orientation, np.asarray)(plain))
    assert size_of(tmp_path / "a.dng") == turned.shape[1::-1]


@pytest.mark.needs("rawpy")
@pytest.mark.parametrize(
    ("content", "limit", "says"),
    [
        pytest.param(dng()[:900], 10**8, "a raw picture that can't be read", id="cut"),
        pytest.param(dng(), 999, r"160×120 pixels .* is over the limit", id="large"),
    ],
)
def test_a_raw_picture_that_is_none_is_refused_in_a_line(
    tmp_path: Path, content: bytes, limit: int, says: str
) -> None:
    (tmp_path / "a.dng").write_bytes(content)
    with pytest.raises(UnreadableImage, match=says) as refused:
        read_image(tmp_path / "a.dng", max_pixels=limit)
    assert "\n" not in str(refused.value)


@pytest.mark.needs("pillow_heif")
def test_heic(tmp_path: Path) -> None:
    import pillow_heif

    pillow_heif.from_pillow(pillow(scene())).save(tmp_path / "a.heic", quality=95)
    assert np.abs(read_image(tmp_path / "a.heic").astype(int) - scene()).mean() < 12
    assert images.holds_picture(tmp_path / "a.heic")
