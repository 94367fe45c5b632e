"""Recordings of sound and vibration as pictures: levels in dB over seconds and hertz."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat, wavfile

from reinspect.dataset import discover
from reinspect.images import UnreadableImage, load, reading_of
from reinspect.sensing import FileRules, SignalRules, SpectrogramKind, Unit
from reinspect.vocabulary import Box, Modality, Scale
from support.recordings import RATE, hum, with_whistle, write_wav


def rules(**said: object) -> FileRules:
    return FileRules(signals=SignalRules.model_validate(said))


NUMBERS = rules(rate=RATE)


def strongest(path: Path, given: FileRules) -> tuple[float, float]:
    """Seconds and hertz of the brightest pixel."""
    loaded = load(path, rules=given)
    assert loaded.spectrogram is not None
    row, column = np.unravel_index(np.argmax(loaded.pixels[..., 0]), loaded.pixels.shape[:2])
    height, width = loaded.pixels.shape[:2]
    x, y = (column + 0.5) / width, (row + 0.5) / height
    return loaded.spectrogram.seconds(x), loaded.spectrogram.hertz(y)


@pytest.mark.parametrize("kind", SpectrogramKind)
@pytest.mark.parametrize(
    ("pitch", "begin", "end"),
    [
        pytest.param(3000, 2000, 4000, id="high-and-early"),
        pytest.param(700, 5000, 7000, id="low-and-late"),
    ],
)
def test_a_tone_lies_where_it_was(
    tmp_path: Path, kind: SpectrogramKind, pitch: float, begin: int, end: int
) -> None:
    sound = 3 * with_whistle(0.01 * hum(0), pitch=pitch, begin=begin, end=end)
    path = write_wav(tmp_path / "a.wav", sound)
    at, hertz = strongest(path, rules(kind=kind, frame=512))
    assert begin / RATE <= at <= end / RATE
    assert hertz == pytest.approx(pitch, rel=0.06)


def test_axes_are_those_of_the_window() -> None:
    from reinspect.sensing import Spectrogram

    made = Spectrogram(
        rules=SignalRules(kind=SpectrogramKind.LINEAR, frame=400, hop=100, band=(1000, 3000)),
        rate=8000,
        start_s=2.0,
        samples=8000,
    )
    assert made.frames == 77
    assert made.seconds(0) == pytest.approx(2.0 + 150 / 8000)
    assert made.seconds(1) == pytest.approx(3.0 - 150 / 8000)
    assert (made.hertz(1), made.hertz(0)) == (pytest.approx(990), pytest.approx(3010))
    span = made.span(Box(0, 0.5, 0.5, 1))
    assert str(span) == "2.02–2.5 s, 0.99–2 kHz"
    assert span.ranges == {"s": (2.019, 2.5), "Hz": (990.0, 2000.0)}


def test_levels_are_of_a_sine_to_the_full_scale(tmp_path: Path) -> None:
    at = np.arange(RATE) / RATE
    path = write_wav(tmp_path / "a.wav", 0.1 * np.sin(2 * np.pi * 1000 * at))
    loaded = load(path, scale=None, rules=rules(kind="linear"))
    assert loaded.scale is not None
    assert loaded.scale.white == pytest.approx(-20 + 20, abs=0.1)  # and room above
    assert loaded.scale.measure is not None
    assert loaded.scale.measure.unit is Unit.DECIBEL
    assert loaded.modality is Modality.ACOUSTIC


def as_wav(sound: np.ndarray, dtype: str) -> bytes:
    scaled = {"uint8": 127 * sound + 128, "int16": 32767 * sound, "int32": (2**31 - 256) * sound}
    buffer = io.BytesIO()
    wavfile.write(buffer, RATE, scaled.get(dtype, sound).astype(dtype))
    return buffer.getvalue()


def as_24_bits(sound: np.ndarray) -> bytes:
    values = np.rint(sound * (2**23 - 1)).astype("<i4")
    body = values.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, RATE * 3, 3, 24)
    data = (
        head + struct.pack("<4sI", b"LIST", 4) + b"INFO" + struct.pack("<4sI", b"data", len(body))
    )
    return b"RIFF" + struct.pack("<I", len(data) + len(body) + 4) + b"WAVE" + data + body


def as_flac(sound: np.ndarray) -> bytes:
    soundfile = pytest.importorskip("soundfile")
    buffer = io.BytesIO()
    soundfile.write(buffer, sound, RATE, format="FLAC")
    return buffer.getvalue()


def as_npy(sound: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, sound)
    return buffer.getvalue()


def as_mat(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    savemat(buffer, arrays)
    return buffer.getvalue()


def as_packed_mat(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    savemat(buffer, arrays, do_compression=True)
    return buffer.getvalue()


def as_table(sound: np.ndarray, separator: str = ",", decimal: str = ".", head: str = "") -> str:
    rows = (separator.join(f"{v:.6f}" for v in row) for row in sound.reshape(len(sound), -1))
    return head + "\n".join(row.replace(".", decimal) for row in rows) + "\n"


def timed(sound: np.ndarray) -> np.ndarray:
    return np.stack([np.arange(len(sound)) / RATE, sound], axis=1)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        pytest.param("a.wav", lambda s: as_wav(s, "int16"), id="16-bit"),
        pytest.param("a.wav", lambda s: as_wav(s, "int32"), id="32-bit"),
        pytest.param("a.WAV", lambda s: as_wav(s, "float32"), id="float"),
        pytest.param("a.wav", as_24_bits, id="24-bit-with-a-foreign-chunk"),
        pytest.param("a", lambda s: as_wav(s, "int16"), id="without-an-ending"),
        pytest.param("a.flac", as_flac, id="flac", marks=pytest.mark.needs("soundfile")),
        pytest.param("a.npy", as_npy, id="npy"),
        pytest.param("a.npy", lambda s: as_npy(s[:, None]), id="npy-a-column"),
        pytest.param("a.mat", lambda s: as_mat(vibration=s), id="mat"),
        pytest.param("a.mat", lambda s: as_mat(x=s, speed=1000.0), id="mat-and-a-number"),
        pytest.param("a.mat", lambda s: as_packed_mat(x=s[:, None], who="me"), id="mat-packed"),
        pytest.param("a.csv", lambda s: as_table(s).encode(), id="csv"),
        pytest.param("a.csv", lambda s: as_table(s, head="volt\n").encode(), id="csv-named"),
        pytest.param("a.csv", lambda s: as_table(timed(s)).encode(), id="csv-with-time"),
        pytest.param("a.csv", lambda s: as_table(timed(s), ";", ",").encode(), id="csv-german"),
        pytest.param("a.tsv", lambda s: as_table(timed(s), "\t").encode(), id="tabs"),
        pytest.param("a.csv", lambda s: as_table(timed(s), " ").encode(), id="blanks"),
        pytest.param("a.csv", lambda s: as_table(s).encode("utf-16"), id="csv-utf-16"),
        pytest.param("a.csv", lambda s: as_table(s, head="°C;µ\n").encode("latin-1"), id="latin-1"),
        pytest.param("a.csv", lambda s: as_table(s).encode("utf-8-sig"), id="csv-marked"),
    ],
)
def test_every_container_gives_the_same_picture(
    tmp_path: Path, name: str, stored: Callable[[np.ndarray], bytes]
) -> None:
    sound = np.rint(hum(0) * 32767) / 32767
    scale = Scale(black=-100, white=-10, measure={"unit": "dB"})
    plain = load(write_wav(tmp_path / "plain.wav", sound), scale=scale, rules=NUMBERS)
    path = tmp_path / name
    path.write_bytes(stored(sound))
    found = load(path, scale=scale, rules=NUMBERS)
    assert np.abs(found.pixels.astype(int) - plain.pixels).max() <= 1


def test_8_bits_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(as_wav(hum(0), "uint8"))
    assert load(tmp_path / "a.wav").modality is Modality.ACOUSTIC


def test_channels_count_by_their_power(tmp_path: Path) -> None:
    sound = hum(0)
    path = write_wav(tmp_path / "a.wav", np.stack([sound, -sound], axis=1))
    both, first = load(path), load(path, rules=rules(channel=1))
    alone = load(write_wav(tmp_path / "b.wav", sound))
    assert np.array_equal(first.pixels, alone.pixels)
    assert np.array_equal(both.pixels, alone.pixels)  # they don't cancel out


def test_silence_is_black_and_nothing_else_moves(tmp_path: Path) -> None:
    """Digital silence in one reference doesn't stretch the scale of the set."""
    silent = hum(0)
    silent[4000:] = 0
    files = [write_wav(tmp_path / "a.wav", silent), write_wav(tmp_path / "b.wav", hum(1))]
    scale = reading_of(files).scale
    assert scale is not None
    assert scale.white - scale.black <= 101


def lone(sound: np.ndarray, rate: int = RATE) -> bytes:
    buffer = io.BytesIO()
    wavfile.write(buffer, rate, np.rint(sound.clip(-1, 1) * 32767).astype(np.int16))
    return buffer.getvalue()


def with_nan(sound: np.ndarray) -> np.ndarray:
    sound = sound.copy()
    sound[10:13] = np.nan
    return sound


AS_THE_OTHERS = NUMBERS.model_copy(update={"recordings": True, "length_s": 1.0})


@pytest.mark.parametrize(
    ("name", "content", "given", "says"),
    [
        pytest.param("a.wav", b"", NUMBERS, "the file is empty", id="no-bytes"),
        pytest.param("a.wav", lone(np.zeros(0)), NUMBERS, "without samples", id="empty"),
        pytest.param("a.wav", lone(np.zeros(RATE)), NUMBERS, r"constant \(0\)", id="constant"),
        pytest.param(
            "a.wav", lone(20 * hum(0)), NUMBERS, r"clipped: \d+\.\d% of its samples", id="clipped"
        ),
        pytest.param(
            "a.csv",
            as_table(hum(0).clip(-0.1, 0.1)).encode(),
            rules(rate=RATE, full_scale=0.1),
            "clipped",
            id="overdriven",
        ),
        pytest.param(
            "a.wav",
            lone(hum(0), 44100),
            NUMBERS,
            "sampled at 44100 Hz, not at 8000 Hz as the others; record or resample it at 8000 Hz",
            id="another-rate",
        ),
        pytest.param(
            "a.wav",
            lone(hum(0)[:3000]),
            rules(window_s=0.5),
            "0.375 s is shorter than the window of 0.5 s",
            id="shorter-than-the-window",
        ),
        pytest.param(
            "a.wav",
            lone(hum(0)[:500]),
            rules(),
            "a transform takes 1024",
            id="shorter-than-a-frame",
        ),
        pytest.param(
            "a.wav",
            lone(hum(0, seconds=2)),
            AS_THE_OTHERS,
            "2 s long, the others are 1 s; say how much is judged at once",
            id="another-length",
        ),
        pytest.param("a.wav", lone(hum(0))[:900], NUMBERS, "truncated", id="truncated"),
        pytest.param("a.wav", b"RIFF\x20\0\0\0WAVEjunk", NUMBERS, "no WAV", id="damaged"),
        pytest.param("a.png", b"\x89PNG", AS_THE_OTHERS, "no recording, as the others", id="png"),
        pytest.param(
            "a.npy", as_npy(with_nan(hum(0))), NUMBERS, "3 of its samples are no numbers", id="nan"
        ),
        pytest.param("a.npy", as_npy(np.array(["a", "b"])), NUMBERS, "holds text", id="strings"),
        pytest.param("a.npy", b"\x93NUMPY\x01", NUMBERS, "no array of numbers", id="damaged-npy"),
        pytest.param("a.npy", as_npy(hum(0)), rules(), "nobody says what they are", id="no-rate"),
        pytest.param(
            "a.npy", as_npy(np.zeros((100, 100))), NUMBERS, "100×100 numbers", id="a-matrix"
        ),
        pytest.param(
            "a.mat", as_mat(x=hum(0), y=hum(1)), NUMBERS, "several variables: x, y", id="two"
        ),
        pytest.param(
            "a.mat",
            as_mat(x=hum(0)),
            rules(rate=RATE, variable="z"),
            "no variable 'z'; there are: x",
            id="no-such",
        ),
        pytest.param(
            "a.mat", b"MATLAB 5.0", NUMBERS, "no MAT file that can be read", id="damaged-mat"
        ),
        pytest.param(
            "a.mat", as_mat(x=hum(0))[:4000], NUMBERS, r"be read \(truncated\)", id="half-a-mat"
        ),
        pytest.param(
            "a.mat", b"MATLAB 7.3 MAT-file", NUMBERS, "of version 7.3", id="mat-of-another-kind"
        ),
        pytest.param("a.mat", as_mat(x="words"), NUMBERS, "it holds text", id="mat-of-words"),
        pytest.param("a.csv", b"name\nleft\nright\n", NUMBERS, "a table of text", id="words"),
        pytest.param(
            "a.csv",
            b"1\n2\nthree\n",
            NUMBERS,
            "line 3 has 'three' among",
            id="a-word-among-numbers",
        ),
        pytest.param("a.csv", b"1,2\n3\n", NUMBERS, "rows of 1 to 2 numbers", id="ragged"),
        pytest.param("a.csv", b"\n \n", NUMBERS, "the table is empty", id="empty-table"),
        pytest.param("a.wav", lone(hum(0)), rules(channel=2), "1 channels, not 2", id="no-channel"),
        pytest.param("a.wav", lone(hum(0)), rules(band=(5000, 9000)), "within 5000", id="no-band"),
        pytest.param("a.wav#3", lone(hum(0)), rules(window_s=0.5), "no window 3", id="no-window"),
    ],
)
def test_what_is_no_sound_recording_is_told_in_a_line(
    tmp_path: Path, name: str, content: bytes, given: FileRules, says: str
) -> None:
    (tmp_path / name.partition("#")[0]).write_bytes(content)
    with pytest.raises(UnreadableImage, match=says) as told:
        load(tmp_path / name, rules=given)
    assert "\n" not in str(told.value)


def test_a_recording_among_references_of_pictures_is_told(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", hum(0))
    with pytest.raises(UnreadableImage, match="a recording among pictures"):
        load(path, rules=FileRules(recordings=False))


@pytest.mark.parametrize(
    ("second", "says"),
    [
        pytest.param(lone(hum(1), 16000), "sampled at 16000 Hz", id="another-rate"),
        pytest.param(lone(hum(1, seconds=2)), "2 s long, the others are 1 s", id="another-length"),
        pytest.param(b"P5 1 1 255\n\0", "no recording, as the others", id="a-picture"),
    ],
)
def test_references_are_of_one_kind(tmp_path: Path, second: bytes, says: str) -> None:
    write_wav(tmp_path / "a.wav", hum(0))
    other = tmp_path / "b"
    other.write_bytes(second)
    with pytest.raises(UnreadableImage, match=says):
        reading_of([tmp_path / "a.wav", other])


@pytest.mark.parametrize(
    ("seconds", "given", "numbers"),
    [
        pytest.param(1.0, rules(), [""], id="no-window"),
        pytest.param(1.0, rules(window_s=1), [""], id="one"),
        pytest.param(2.5, rules(window_s=1), ["", "#2", "#3"], id="the-last-overlaps"),
        pytest.param(0.5, rules(window_s=1), [""], id="too-short"),
    ],
)
def test_windows_are_parts_of_their_own(
    tmp_path: Path, seconds: float, given: FileRules, numbers: list[str]
) -> None:
    path = write_wav(tmp_path / "a.wav", hum(0, seconds=seconds))
    found = list(discover([tmp_path], rules=given))
    assert [item.id for item in found] == [f"a.wav{number}" for number in numbers]
    if len(numbers) > 1:
        last = load(f"{path}{numbers[-1]}", rules=given).spectrogram
        assert last is not None
        assert last.start_s == seconds - 1
        assert len({load(f"{path}{number}", rules=given).sha256 for number in numbers}) == 3


def test_tables_are_parts_where_their_rate_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(as_table(hum(0)))
    (tmp_path / "b.npy").write_bytes(as_npy(hum(0)))
    listing = discover([tmp_path])
    assert list(listing) == []
    assert "no picture: .csv" in listing.census.line
    assert [item.id for item in discover([tmp_path], rules=NUMBERS)] == ["a.csv", "b.npy"]


@pytest.mark.parametrize(
    ("said", "says"),
    [
        pytest.param({"hop": 2000}, "hop 2000 leaves samples out", id="gaps"),
        pytest.param({"band": (5, 5)}, "band .* is empty", id="no-band"),
        pytest.param({"band": (-1, 5)}, "a frequency is 0 or more", id="below-zero"),
        pytest.param({"range": (0, -80)}, "range .* is empty", id="no-range"),
        pytest.param({"kind": "mel"}, "kind", id="no-kind"),
    ],
)
def test_rules_that_mean_nothing_are_refused(said: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        SignalRules.model_validate(said)
