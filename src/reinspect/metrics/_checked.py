"""What every metric asks of its arguments; each refusal names the argument and shows the value."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def finite(values: npt.ArrayLike, name: str) -> Floats:
    """`values` as float64, shape (n,).

    Raises:
        ValueError: they are no list of finite numbers.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} {values!r} is not a list of numbers") from error
    if array.ndim != 1:
        raise ValueError(f"{name} has shape {array.shape}, expected (n,)")
    if not np.isfinite(array).all():
        place = int(np.argmin(np.isfinite(array)))
        raise ValueError(f"{name}[{place}] is {float(array[place])!r}, not a finite number")
    return array


def unit(values: npt.ArrayLike, name: str) -> Floats:
    """`values` as float64 in [0, 1], shape (n,).

    Raises:
        ValueError: they are no list of numbers in [0, 1].
    """
    array = finite(values, name)
    outside = (array < 0) | (array > 1)
    if outside.any():
        place = int(np.argmax(outside))
        raise ValueError(f"{name}[{place}] is {float(array[place])!r}, outside [0, 1]")
    return array


def flags(values: npt.ArrayLike, name: str) -> Bools:
    """`values` as booleans, shape (n,); 0 and 1 are taken, too.

    Raises:
        ValueError: one of them is neither.
    """
    array = finite(values, name)
    odd = (array != 0) & (array != 1)
    if odd.any():
        place = int(np.argmax(odd))
        raise ValueError(f"{name}[{place}] is {float(array[place])!r}, neither true nor false")
    return array.astype(bool)


def same_length(**arrays: npt.NDArray[np.generic]) -> None:
    """Refuse arrays of different lengths.

    Raises:
        ValueError: the lengths differ.
    """
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError("lengths differ: " + ", ".join(f"{k} {v}" for k, v in lengths.items()))


def judged(probability: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[Floats, Bools]:
    """Probabilities in [0, 1] and the truths that belong to them.

    Raises:
        ValueError: either is malformed, or their lengths differ.
    """
    p, t = unit(probability, "probability"), flags(truth, "truth")
    same_length(probability=p, truth=t)
    return p, t


def share(value: float, name: str) -> float:
    """`value`, in (0, 1].

    Raises:
        ValueError: it is outside.
    """
    if not 0 < value <= 1:
        raise ValueError(f"{name} {value!r} is outside (0, 1]")
    return value
