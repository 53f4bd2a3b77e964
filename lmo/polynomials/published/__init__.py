"""Published schedules: one source = one file; `lmo.polynomials.schedule(name)` finds them by walking this folder."""
