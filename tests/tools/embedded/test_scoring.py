import pytest
from scipy.special import stdtrit

from reinspect.tools.embedded import scoring


def test_the_table_of_students_t_is_scipys() -> None:
    exact = [float(stdtrit(freedom, scoring._QUANTILE)) for freedom in range(1, 41)]
    assert list(scoring._STUDENT) == pytest.approx(exact, rel=1e-12)
