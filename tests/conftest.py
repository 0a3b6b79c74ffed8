"""What holds for all tests."""

import signal

# A shell starts background jobs with SIGINT ignored, which children inherit; the tests of Ctrl-C need it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
