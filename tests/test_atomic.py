"""A file is there as a whole or not at all."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import polytask
from polytask._atomic import replacing, sweep, write_atomically


def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("old")

    def save():
        with replacing(path) as aside:
            assert aside.suffix == ".keras"
            aside.write_text("half")
            raise OSError(errno.ENOSPC, "disk full")

    with pytest.raises(OSError, match=r"disk full: '.*/model\.keras'"):
        save()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["model.keras"]


def test_a_new_file_replaces_the_old_one(tmp_path):
    path = tmp_path / "report.html"
    write_atomically(path, "alt")
    write_atomically(path, "n\u00e4u")
    assert path.read_bytes() == "n\u00e4u".encode()
    assert os.listdir(tmp_path) == ["report.html"]


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX systems")
def test_what_a_killed_process_wrote_aside_is_swept_and_nothing_else(tmp_path):
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from _atomic import replacing\n"
        "with replacing(Path(sys.argv[2], 'table.csv')) as aside:\n"
        "    aside.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    package = str(Path(polytask.__file__).parent)
    words = [sys.executable, "-c", code, package, str(tmp_path)]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    (tmp_path / ".hidden").write_text("mine")
    assert len(os.listdir(tmp_path)) == 2
    sweep(tmp_path)
    assert os.listdir(tmp_path) == [".hidden"]
