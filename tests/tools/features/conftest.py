import pytest

from reinspect.tools.features.network import NetworkFeatures, open_features


@pytest.fixture(scope="session")
def features(tmp_path_factory: pytest.TempPathFactory) -> NetworkFeatures:
    """The network's own, from the package that carries its weights."""
    return open_features("efficientnet-lite0", tmp_path_factory.mktemp("cache"))
