"""Memory that a step frees is kept for the next one."""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8  # malloc.h of glibc


def keep_freed_memory() -> bool:
    """Tell glibc's allocator to keep freed blocks; whether it was told (it is glibc).

    By default every block over 32 MB is mapped anew and given back when freed. A step makes and frees
    gigabytes of them, and where a page fault is dear (a virtual machine) the kernel then takes more time than
    the arithmetic.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, -1), (_M_TOP_PAD, 256 << 20), (_M_ARENA_MAX, 1))
    return bool(sum(mallopt(name, value) for name, value in settings) == len(settings))
