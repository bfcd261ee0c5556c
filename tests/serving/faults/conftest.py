import pytest

from faults.real_shop import RealShop, real_shop


@pytest.fixture(scope="session")
def shop(tmp_path_factory) -> RealShop:
    """Three small models and the shop they were trained on."""
    return real_shop(tmp_path_factory.mktemp("models"))
