"""A simulated shop with known truth: who wears what, what truly fits, and why things come back.

The public tables obey the data contracts; the truth lies apart and is for judging only.
"""

from pipelines.simulate.assumptions import ShopAssumptions
from pipelines.simulate.shop import SimulatedShop, run, simulate

__all__ = ["ShopAssumptions", "SimulatedShop", "run", "simulate"]
