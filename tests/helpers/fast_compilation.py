"""XLA in its fastest mode, for networks so small that compiling them takes all time."""

import importlib.util
import mmap
import os
from pathlib import Path

#: Without the new emitters and without LLVM's passes a train step compiles in a fifth,
#: and in one piece in seven eighths of that.
FLAGS = (
    "--xla_backend_optimization_level=0",
    "--xla_cpu_use_fusion_emitters=false",
    "--xla_cpu_parallel_codegen_split_count=1",
)


def compile_fast() -> None:
    """Ask XLA to compile fast, not well, unless the caller has set flags of its own.

    To be called before the first operation of JAX.
    """
    flags = [flag for flag in FLAGS if known_to_jax(flag.strip("-").split("=")[0])]
    os.environ.setdefault("XLA_FLAGS", " ".join(flags))


def known_to_jax(flag: str) -> bool:
    """Return whether JAX has that flag: one that it lacks ends the process."""
    folder = importlib.util.find_spec("jaxlib").submodule_search_locations[0]
    for library in Path(folder).glob("*.so"):
        with (
            library.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            if content.find(flag.encode()) >= 0:
                return True
    return False
