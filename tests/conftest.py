"""Common set-up: one torch thread (results and timings do not depend on the machine's load), one hypothesis profile."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from hypothesis import settings

pytest.register_assert_rewrite("problem_laws")  # it asserts, and is no test file

torch.set_num_threads(1)
settings.register_profile("lmo-lab", derandomize=True, deadline=None, max_examples=40)
settings.load_profile("lmo-lab")
