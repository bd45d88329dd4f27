"""A worker process tells its parent what went wrong."""

import errno
import multiprocessing
import signal

from polytask.lab.studies.load_data import load_data
from polytask.lab.studies.processes import _work
from polytask_options import DataSource


def test_what_the_system_refuses_a_worker_is_one_sentence():
    source = DataSource(name="digits")
    dataset, _ = load_data(source)
    ours, theirs = multiprocessing.Pipe()

    def full(dataset):
        raise OSError(errno.ENOSPC, "No space left on device", "runs/a.keras")

    before = signal.getsignal(signal.SIGINT)
    try:
        _work(theirs, source, dataset.facts["fingerprint"], full)
    finally:
        signal.signal(signal.SIGINT, before)
    assert ours.recv() == ("failed", True, "No space left on device: 'runs/a.keras'")
