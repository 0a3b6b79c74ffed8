"""What holds for all tests."""

import signal

from hypothesis import settings

# A shell starts background jobs with SIGINT ignored, which children inherit; the tests of Ctrl-C need it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run, and no limit of time for one: a test that fails once fails always.
# `pytest --hypothesis-profile=default` looks for others.
settings.register_profile("deterministic", derandomize=True, deadline=None)
settings.load_profile("deterministic")
