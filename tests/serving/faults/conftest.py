import pytest
from live_shop import LiveShop, live_shop

from faults.real_shop import RealShop, real_shop
from features.settings import Settings


@pytest.fixture(scope="session")
def shop(tmp_path_factory) -> RealShop:
    """Three small models and the shop they were trained on."""
    return real_shop(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def small_shop(tmp_path_factory) -> LiveShop:
    """A shop with one feature space and events to follow; its state is at ``filled``."""
    folder = tmp_path_factory.mktemp("small-shop")
    settings = Settings(champion_dir=folder / "champion", horizon_hours=24 * 365)
    shop = live_shop(settings, folder, lines=60, only=("size_fit",))
    shop.filled = folder / "filled.db"
    shop.fill(shop.filled)
    return shop
