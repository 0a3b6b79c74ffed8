"""Has the share of requests that go wrong risen? Page-Hinkley's test, one request at a time.

Page, Biometrika 41 (1954), 100; Hinkley, Biometrika 58 (1971), 509; the form for streams with a running mean
is that of Gama et al., ACM Comput. Surv. 46 (2014), 44.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class PageHinkley:
    """Sum of how far each value lies above the mean so far and `slack`, against its least value until now.

    The alarm is on while that exceeds `threshold`, after `least` values. `slack` is a rise that does not
    matter (a share), `threshold` about how many more failures than usual it takes.
    """

    slack: float = 0.05
    threshold: float = 10.0
    least: int = 30
    n: int = 0
    mean: float = 0.0
    total: float = 0.0
    lowest: float = 0.0

    def seen(self, value: float) -> "PageHinkley":
        """After one more value (1 for a request that went wrong)."""
        n = self.n + 1
        mean = self.mean + (value - self.mean) / n
        total = self.total + value - mean - self.slack
        return replace(self, n=n, mean=mean, total=total, lowest=min(self.lowest, total))

    @property
    def rise(self) -> float:
        """What is compared with the threshold."""
        return self.total - self.lowest

    @property
    def alarm(self) -> bool:
        return self.n >= self.least and self.rise > self.threshold
