"""How long the portal works to end one instance. The same instance takes the same time whenever it is asked."""

import math
from random import Random


def cost(instance: str, *, mean: float, sigma: float, seed: int) -> float:
    """Seconds: the mean, or with a sigma a draw from the lognormal distribution that has this mean."""
    if sigma <= 0 or mean <= 0:
        return mean
    return Random(f"cost {seed} {instance}").lognormvariate(math.log(mean) - sigma**2 / 2, sigma)
