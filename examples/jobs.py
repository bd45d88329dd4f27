"""Trainings of an example, one after another or in several processes."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from polytask.lab.studies.environment import environment, worker_environment


def results(
    function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], jobs: int
) -> Iterator[Any]:
    """Yield what a function returns for each call, in the order of the calls.

    Args:
        function: Of a module, so that other processes find it.
        calls: The arguments of each call; they can be pickled.
        jobs: Processes of one compute thread each; 1 is this process as it is.

    Example:
        >>> list(results(max, [(1, 2), (4, 3)], jobs=1))
        [2, 4]
    """
    if jobs == 1:
        yield from (function(*arguments) for arguments in calls)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        with environment(worker_environment()):
            futures = [pool.submit(function, *arguments) for arguments in calls]
        try:
            for future in futures:
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
