"""Freed memory that stays with the process, for the next step to use again."""

import functools

import numpy as np

# The largest block, in bytes, that glibc learns from; the next power of two is not.
_BLOCK = 31 * 2**20


@functools.cache
def keep_freed_memory() -> None:
    """Keep the memory that a training step frees for the next step, on Linux.

    Call it once, before training: it holds for the process, and there is no way back.
    Steps on a CPU take up to a fifth less time; the process keeps up to 62 MiB more
    than it uses. The command `polytask` does so, a library must not without being
    asked. From the second call on, nothing happens.

    glibc gives freed blocks back to the system, from 128 KiB on, until the program
    frees a larger one; then it keeps blocks up to that size, and at most twice as much
    at the end of its memory. A step on a CPU frees many blocks of about 1 MiB, whose
    pages the system would have to clear again in the next one: up to a fifth of the
    step. So free a block of 31 MiB once; none of its pages is touched. Other C
    libraries and GPUs are not affected.

    Source:
        mallopt(3), `M_MMAP_THRESHOLD`, "dynamic mmap threshold".

    Example:
        >>> import polytask
        >>> polytask.keep_freed_memory()
    """
    np.empty(_BLOCK, np.uint8)
