"""From an adapter to what is shipped: parity of greedy calls before anything is promoted."""

from enactor.deploy.parity import Parity, compare

__all__ = ["Parity", "compare"]
