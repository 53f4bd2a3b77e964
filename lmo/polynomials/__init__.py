"""Schedules of odd polynomials that drive singular values towards 1."""

from lmo.polynomials.schedule import Schedule as Schedule
from lmo.polynomials.schedule import schedule as schedule
