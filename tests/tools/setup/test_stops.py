"""What keeps a picture from being judged, and what is only said of it."""

from math import log

import pytest

from reinspect.tools.setup.findings import SetupCheck, SetupFinding, SetupKind


@pytest.mark.parametrize(
    ("kind", "amount", "sound", "flagged"),
    [
        pytest.param(SetupKind.PRODUCT, 1.0, True, True, id="another-product"),
        pytest.param(SetupKind.SHAPE, log(1.6), True, True, id="another-shape"),
        pytest.param(SetupKind.SHAPE, log(1.2), False, False, id="cropped"),
        pytest.param(SetupKind.MIRRORED, 1.0, True, True, id="mirrored"),
        pytest.param(SetupKind.ANGLE, 88.0, True, True, id="turned"),
        pytest.param(SetupKind.ANGLE, -88.0, True, True, id="turned-back"),
        pytest.param(SetupKind.ANGLE, 12.0, False, True, id="turned-by-12"),
        pytest.param(SetupKind.ANGLE, 7.0, False, False, id="turned-a-little"),
        pytest.param(SetupKind.EXPOSURE, log(4), True, True, id="glaring"),
        pytest.param(SetupKind.EXPOSURE, -log(4), True, True, id="night"),
        pytest.param(SetupKind.EXPOSURE, log(2), False, True, id="brighter"),
        pytest.param(SetupKind.EXPOSURE, log(1.4), False, False, id="a-little-brighter"),
        pytest.param(SetupKind.BLUR, 1.0, False, True, id="blurred"),
        pytest.param(SetupKind.BLUR, 0.4, False, False, id="a-little-blurred"),
        pytest.param(SetupKind.COLOUR, 20.0, False, True, id="another-lamp"),
        pytest.param(SetupKind.COLOUR, 9.0, False, False, id="a-little-warmer"),
        pytest.param(SetupKind.NOISE, 2.0, False, False, id="noisy"),
        pytest.param(SetupKind.PLACE, 0.1, False, False, id="moved"),
        pytest.param(SetupKind.SCALE, 0.1, False, True, id="larger"),
    ],
)
def test_what_stops_a_picture(kind: SetupKind, amount: float, sound: bool, flagged: bool) -> None:
    check = SetupCheck((SetupFinding(kind, amount, 0.0, "words"),))
    assert check.stops(anomalous=False) is sound
    assert check.stops(anomalous=True) is flagged


def test_what_is_as_learned_stops_nothing() -> None:
    assert not SetupCheck().stops(anomalous=True)
