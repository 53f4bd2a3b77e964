"""How far momentum is from the gradient: m − ∇f = start + drift + noise, each an average that a run records.

A memory knows its recursion and derives from it, with geometric sums, the bound on the average of E‖m − ∇f‖_*. One
memory = one file; `sums` has the same parts a second time, from the weights of the method itself.
"""

from bounds.memory.averaging import AveragingMemory as AveragingMemory
from bounds.memory.averaging import NoMemory as NoMemory
from bounds.memory.base import Memory as Memory
from bounds.memory.base import Part as Part
from bounds.memory.nesterov import NesterovMemory as NesterovMemory
from bounds.memory.scheduled import ScheduledMemory as ScheduledMemory
from bounds.memory.start_factors import FACTORS as FACTORS
from bounds.memory.start_factors import NesterovZeroStart as NesterovZeroStart
from bounds.memory.start_factors import StartFactor as StartFactor
from bounds.memory.start_factors import ZeroStart as ZeroStart
from bounds.memory.start_factors import nesterov_zero_start as nesterov_zero_start
from bounds.memory.start_factors import zero_start as zero_start
from bounds.memory.storm import StormMemory as StormMemory
from bounds.memory.sums import finite_sums as finite_sums
from bounds.memory.sums import units as units
